-- A made-up property in the middle of its work at revision 0016, after a few passes of the version of that time, beside
-- 0016_schema.sql: some rows in every table of domiq_sync. What it has of its own is there instead.

SET session_replication_role = replica;
DELETE FROM domiq_sync.alembic_version;
DELETE FROM domiq_sync.channel;
DELETE FROM domiq_sync.domiq_status_map;
DELETE FROM domiq_sync.resman_status_map;

INSERT INTO domiq_sync.account VALUES
	('400', 1, 0, 0, '-infinity', 0, NULL, NULL, NULL);

INSERT INTO domiq_sync.account_turn VALUES
	('400', 0, 34, NULL);

INSERT INTO domiq_sync.alembic_version VALUES
	('0016');

INSERT INTO domiq_sync.alert VALUES
	('ab22db76-c558-4516-974f-922885a16384', '47f37575-3107-465e-8ef2-334c06333459', 'x', 'open', '{}', '{}', '2026-11-30 20:40:21.137125+00', '2026-03-02 12:00:00+00', NULL, 0, NULL, NULL, 0);

INSERT INTO domiq_sync.alert_complaint VALUES
	('0bc62ca2-93d0-47c5-a113-563be0aa3395', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.alert_turn VALUES
	('ab22db76-c558-4516-974f-922885a16384', 1, 'opened', '2026-03-02 12:00:00+00', 'x', 'x');

INSERT INTO domiq_sync.alert_watch VALUES
	(true, '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.attempt OVERRIDING SYSTEM VALUE VALUES
	(1, 'e21b0aff-27e5-4556-b1fc-63936e335edf', 2, 'vm:4368:8bceb306', 'tell', 'ok', '{"marker": "[DQ-e21b0aff27e5]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:19.626665+00:00", "event_type": "Contact", "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "customer_type": "prospect", "answer_event_ids": ["88123420-8138-541f-9e6f-d422a81b79e8"], "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:20.160643+00', 32),
	(2, '650b711e-f06b-4395-bfad-b4152039aa62', 1, 'vm:4368:8bceb306', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:20.177054+00', 54),
	(3, '650b711e-f06b-4395-bfad-b4152039aa62', 1, 'vm:4368:8bceb306', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:20.230797+00', 32),
	(4, '650b711e-f06b-4395-bfad-b4152039aa62', 1, 'vm:4368:8bceb306', 'create', 'ok', '{"marker": "[DQ-650b711ef06bc]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:19.665782+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["4005eb01-c69f-54f6-93d8-d22be3338c30"], "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:20.262781+00', 34),
	(5, '1416d723-3157-4aa5-84ef-d4c63f3cd928', 3, 'vm:4368:8bceb306', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:20.272563+00', 57),
	(6, '1416d723-3157-4aa5-84ef-d4c63f3cd928', 3, 'vm:4368:8bceb306', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:20.32927+00', 14),
	(7, '1416d723-3157-4aa5-84ef-d4c63f3cd928', 3, 'vm:4368:8bceb306', 'create', 'ok', '{"marker": "[DQ-1416d7233157c]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:19.697719+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["14072e7f-1b4c-5b83-9c2d-f30d3047beed"], "answer_prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:20.343864+00', 18),
	(8, '1416d723-3157-4aa5-84ef-d4c63f3cd928', 3, 'vm:4368:8bceb306', 'tell', 'ok', '{"marker": "[DQ-1416d7233157]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:19.697719+00:00", "event_type": "Other", "prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "customer_type": "prospect", "answer_event_ids": ["ed1d18a8-f951-51f0-9e3a-7bd6ba7b9ced"], "answer_prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:20.365451+00', 21),
	(9, '1e4ea4ee-eda0-458c-a6bb-c04bbfe810f7', 4, 'vm:4368:8bceb306', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:20.330151+00', 30),
	(10, '1e4ea4ee-eda0-458c-a6bb-c04bbfe810f7', 4, 'vm:4368:8bceb306', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:20.359969+00', 21),
	(11, '1e4ea4ee-eda0-458c-a6bb-c04bbfe810f7', 4, 'vm:4368:8bceb306', 'create', 'ok', '{"marker": "[DQ-1e4ea4eeeda0c]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:19.655052+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["b14e5e17-ee56-51a4-809d-9bcfdbd445b5"], "answer_prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:20.380956+00', 41),
	(12, '2505b076-7d90-4c08-b1a6-31d0ff80a385', 5, 'vm:4368:8bceb306', 'search_by_email', 'ok', '{"found": 2}', '2026-11-30 20:40:20.437757+00', 13),
	(13, 'bcff2223-8791-4feb-898f-d1f4f4f9bf30', 6, 'vm:4368:5470a3bb', 'tell', 'ok', '{"marker": "[DQ-bcff22238791]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:20.612710+00:00", "event_type": "Other", "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "customer_type": "prospect", "answer_event_ids": ["47b6b2bd-e326-52c8-86b9-b6c93f46fd38"], "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:20.701039+00', 13),
	(14, 'c48056a5-9cdc-4eea-87ad-75e95b303361', 7, 'vm:4368:5470a3bb', 'tell', 'ok', '{"marker": "[DQ-c48056a59cdc]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:20.616703+00:00", "event_type": "Contact", "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "customer_type": "prospect", "answer_event_ids": ["96510855-c6e6-5b59-b60e-02f1f97d07d3"], "answer_prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:20.702171+00', 19),
	(15, 'ebeb40b5-9011-40e8-8cb2-78bce84d7576', 9, 'vm:4368:60bf2e88', 'read', 'ok', '{"answer_events": 1, "answer_status": "prospect", "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52"}', '2026-11-30 20:40:21.053097+00', 4),
	(16, 'ebeb40b5-9011-40e8-8cb2-78bce84d7576', 9, 'vm:4368:60bf2e88', 'tell', 'ok', '{"marker": "[DQ-ebeb40b59011]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:20.746164+00:00", "event_type": "Cancel", "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "customer_type": "lost", "answer_event_ids": ["f3ff810b-f628-5470-8305-4aedff777e08"], "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "transaction_source": "de564bba-943c-57f5-9b24-3666317bfa3e"}', '2026-11-30 20:40:21.060415+00', 13),
	(17, 'e7910e65-3cc5-458e-9899-217fff44ad16', 8, 'vm:4368:60bf2e88', 'read', 'ok', '{"answer_events": 3, "answer_status": "lost", "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6"}', '2026-11-30 20:40:21.052781+00', 46);

INSERT INTO domiq_sync.change OVERRIDING SYSTEM VALUE VALUES
	('650b711e-f06b-4395-bfad-b4152039aa62', 3, '888d3052-7c15-46b8-9c9c-4b044deb9ce9', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', '2026-11-30 20:40:19.666935+00', NULL, NULL, 0, '2026-11-30 20:40:20.491024+00', '2026-11-30 20:40:20.095997+00'),
	('1416d723-3157-4aa5-84ef-d4c63f3cd928', 5, '1ae5e0ab-7d5c-4a11-8feb-fa4c63282e45', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', '2026-11-30 20:40:19.698667+00', NULL, NULL, 0, '2026-11-30 20:40:20.49107+00', '2026-11-30 20:40:20.096041+00'),
	('e21b0aff-27e5-4556-b1fc-63936e335edf', 1, '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:19.631618+00', NULL, NULL, 0, '2026-11-30 20:40:20.491076+00', '2026-11-30 20:40:20.11461+00'),
	('1e4ea4ee-eda0-458c-a6bb-c04bbfe810f7', 2, '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:19.656204+00', NULL, NULL, 0, '2026-11-30 20:40:20.49108+00', '2026-11-30 20:40:20.114643+00'),
	('2505b076-7d90-4c08-b1a6-31d0ff80a385', 4, 'bef0f365-1451-4dd7-8aa7-f44d1aa5726f', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:19.687135+00', NULL, NULL, 0, '2026-11-30 20:40:20.491084+00', '2026-11-30 20:40:20.114649+00'),
	('bcff2223-8791-4feb-898f-d1f4f4f9bf30', 6, '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:20.614697+00', NULL, NULL, 0, '2026-11-30 20:40:20.736019+00', '2026-11-30 20:40:20.686383+00'),
	('c48056a5-9cdc-4eea-87ad-75e95b303361', 7, '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:20.618583+00', NULL, NULL, 0, '2026-11-30 20:40:20.736047+00', '2026-11-30 20:40:20.686412+00'),
	('ebeb40b5-9011-40e8-8cb2-78bce84d7576', 8, '888d3052-7c15-46b8-9c9c-4b044deb9ce9', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', '2026-11-30 20:40:20.74705+00', NULL, NULL, 0, '2026-11-30 20:40:21.121659+00', '2026-11-30 20:40:21.005782+00'),
	('e7910e65-3cc5-458e-9899-217fff44ad16', 9, '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:20.749675+00', NULL, NULL, 0, '2026-11-30 20:40:21.121687+00', '2026-11-30 20:40:21.016822+00'),
	('6b999221-0338-433b-b87c-cf89d1e2a16c', 10, '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:21.125517+00', NULL, NULL, 0, NULL, NULL),
	('242e8584-685b-4689-9699-aae71ad9634b', 11, '888d3052-7c15-46b8-9c9c-4b044deb9ce9', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', '2026-11-30 20:40:21.126859+00', NULL, NULL, 0, NULL, NULL),
	('56963f3f-e166-4923-887d-d02f448eb473', 12, NULL, NULL, '2026-11-30 20:40:21.128423+00', NULL, NULL, 0, NULL, NULL);

INSERT INTO domiq_sync.channel VALUES
	('email', 200, '-infinity', 0, NULL, NULL),
	('sms', 1000, '-infinity', 0, NULL, NULL),
	('slack', 1100, '-infinity', 0, NULL, NULL),
	('operator', 1000, '-infinity', 0, NULL, NULL),
	('in_app', 0, '-infinity', 0, NULL, NULL);

INSERT INTO domiq_sync.closed_link OVERRIDING SYSTEM VALUE VALUES
	(1, '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', 'x', 'x', '2026-03-02 12:00:00+00', NULL, NULL, NULL, '2026-11-30 20:40:21.158006+00', 'x', NULL);

INSERT INTO domiq_sync.conflict VALUES
	('b914f502-c4fc-4151-bddb-794f0270ed31', '47f37575-3107-465e-8ef2-334c06333459', '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'tour_scheduled', 'Lost', '2026-11-30 20:40:20.95186+00', NULL, NULL, NULL);

INSERT INTO domiq_sync.daily_total OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-03-02', 'x', NULL, NULL, 1);

INSERT INTO domiq_sync.delivery VALUES
	('e7910e65-3cc5-458e-9899-217fff44ad16', 9, '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', true, true, 'waiting', 0, 1, '2026-11-30 20:55:21.101659+00', NULL, NULL, 'conflict', '2026-11-30 20:40:20.749757+00'),
	('6b999221-0338-433b-b87c-cf89d1e2a16c', 10, '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '47f37575-3107-465e-8ef2-334c06333459', true, true, 'ready', 0, 0, '2026-11-30 20:40:21.125609+00', NULL, NULL, NULL, '2026-11-30 20:40:21.125609+00'),
	('242e8584-685b-4689-9699-aae71ad9634b', 11, '888d3052-7c15-46b8-9c9c-4b044deb9ce9', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', true, true, 'ready', 0, 0, '2026-11-30 20:40:21.12697+00', NULL, NULL, NULL, '2026-11-30 20:40:21.12697+00');

INSERT INTO domiq_sync.divergence VALUES
	('13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:21.168507+00');

INSERT INTO domiq_sync.domiq_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'new', 'new', 'Contact', 1),
	(NULL, 'contacted', 'contacted', 'Contact', 2),
	(NULL, 'qualified', 'qualified', 'Other', 3),
	(NULL, 'tour_scheduled', 'tour_scheduled', 'Appointment', 4),
	(NULL, 'application', 'application', 'Application', 5),
	(NULL, 'leased', 'leased', 'Other', 6),
	(NULL, 'lost', 'lost', 'Cancel', 7),
	(NULL, 'initial_contact', 'new', 'Contact', 8),
	(NULL, 'engaged', 'contacted', 'Contact', 9),
	(NULL, 'follow_up_needed', 'contacted', 'Contact', 10),
	(NULL, 'tour_booked', 'tour_scheduled', 'Appointment', 11),
	(NULL, 'application_started', 'application', 'Application', 12);

INSERT INTO domiq_sync.integration VALUES
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '400', '490e0825-f667-548c-913b-350c4c5a4fb5', 'copper-ridge', true, 'both', 'resman_wins', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', '5ead6c5c-deee-5614-a092-8c95faabaaba', 'de564bba-943c-57f5-9b24-3666317bfa3e', 'America/Chicago', '2026-11-30 20:40:19.57841+00', NULL),
	('47f37575-3107-465e-8ef2-334c06333459', '400', '2c9d9573-30dc-577f-b541-280af4b7fe68', 'juniper-flats', true, 'both', 'manual_review', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', 'a16efe8c-5c4c-5b2f-893c-a5fc43127b03', 'de564bba-943c-57f5-9b24-3666317bfa3e', 'America/New_York', '2026-11-30 20:40:19.56951+00', NULL);

INSERT INTO domiq_sync.lead_link VALUES
	('1ae5e0ab-7d5c-4a11-8feb-fa4c63282e45', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', '33fdeac8-8292-5385-a606-f2ca6ee58755', '38c202d0-d960-56cd-9a71-25343ca96096', true, 'created', '2026-11-30 20:40:20.363049+00', 'leased', 'Prospect', '2026-11-30 20:40:20.393472+00'),
	('13aaa925-1f9c-4d56-8f05-bd4319a59bad', '47f37575-3107-465e-8ef2-334c06333459', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'a902bd14-6297-5f37-87a1-8a0f4f20dfc0', true, 'email', '2026-11-30 20:40:20.014997+00', 'qualified', 'Prospect', '2026-11-30 20:40:20.721214+00'),
	('13fbf1ef-3fe0-48bc-820b-89a5b41109be', '47f37575-3107-465e-8ef2-334c06333459', '8df64665-0a4b-5908-966a-c449473ffebc', '4f3f1dd8-05e6-550f-b366-481a20547025', true, 'created', '2026-11-30 20:40:20.43043+00', 'contacted', 'Prospect', '2026-11-30 20:40:20.72942+00'),
	('888d3052-7c15-46b8-9c9c-4b044deb9ce9', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', '7fbaff89-4be8-592a-bb4c-b48514b39941', true, 'created', '2026-11-30 20:40:20.29988+00', 'lost', 'Lost', '2026-11-30 20:40:21.081203+00');

INSERT INTO domiq_sync.link_decision OVERRIDING SYSTEM VALUE VALUES
	(1, '47f37575-3107-465e-8ef2-334c06333459', '13aaa925-1f9c-4d56-8f05-bd4319a59bad', NULL, 'x', 'same', 'x', '2026-11-30 20:40:21.17889+00');

INSERT INTO domiq_sync.link_question VALUES
	('47f37575-3107-465e-8ef2-334c06333459', '11ab1a4d-85a9-545e-9045-4a358abf518d', 'several_prospects', 'several prospects look like one user', 2, '{11ab1a4d-85a9-545e-9045-4a358abf518d,82dabeac-4880-547c-b843-0d68e7b44c4d}', '{bef0f365-1451-4dd7-8aa7-f44d1aa5726f}', '2026-11-30 20:40:20.016018+00', NULL, NULL);

INSERT INTO domiq_sync.missing_lead VALUES
	('47f37575-3107-465e-8ef2-334c06333459', 'x', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL);

INSERT INTO domiq_sync.notification VALUES
	('1c6d171e-0d9b-46bc-8893-4d43d72dc30a', '47f37575-3107-465e-8ef2-334c06333459', 'e21b0aff-27e5-4556-b1fc-63936e335edf', 'daf7da37-9032-4952-95d5-c6caa8523fbb', NULL, NULL, '0b812f68a5a40c2ea40a171ea0708c80668fb72b95e014e12ceed3a501d872a2', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:20.487188+00', NULL, NULL, '2026-11-30 20:40:20.487188+00', NULL, NULL, NULL, NULL),
	('4adb2dc2-f09e-4258-965e-54fb14adbab5', '47f37575-3107-465e-8ef2-334c06333459', '1e4ea4ee-eda0-458c-a6bb-c04bbfe810f7', 'daf7da37-9032-4952-95d5-c6caa8523fbb', NULL, NULL, 'c9278e83d95da76e5d71681de8533ed1d5a5055c0e704494d8de0690c7a12eec', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:20.487584+00', NULL, NULL, '2026-11-30 20:40:20.487584+00', NULL, NULL, NULL, NULL),
	('10950bfe-a323-48ad-927e-9124b5b11b7d', '47f37575-3107-465e-8ef2-334c06333459', '2505b076-7d90-4c08-b1a6-31d0ff80a385', 'daf7da37-9032-4952-95d5-c6caa8523fbb', NULL, NULL, 'c4b2cfa3b52aa32db750550acfa9be18f99eafebb5528bde52d18d7a3a8dbb8d', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:20.487601+00', NULL, NULL, '2026-11-30 20:40:20.487601+00', NULL, NULL, NULL, NULL),
	('0bc62ca2-93d0-47c5-a113-563be0aa3395', '47f37575-3107-465e-8ef2-334c06333459', 'bcff2223-8791-4feb-898f-d1f4f4f9bf30', 'daf7da37-9032-4952-95d5-c6caa8523fbb', NULL, NULL, '7b7110c83dccdeaf807f577d6cd1066d8f9cec68126cce0860b52271b7dd19f8', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:20.734596+00', NULL, NULL, '2026-11-30 20:40:20.734596+00', NULL, NULL, NULL, NULL),
	('4c9169ac-f29e-401e-a2e9-4cf8d6dc5dce', '47f37575-3107-465e-8ef2-334c06333459', 'c48056a5-9cdc-4eea-87ad-75e95b303361', 'daf7da37-9032-4952-95d5-c6caa8523fbb', NULL, NULL, 'fec98c689252a2f785d641f5a7a832471648feb143e5714b6fe4df9762e2375d', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:20.734665+00', NULL, NULL, '2026-11-30 20:40:20.734665+00', NULL, NULL, NULL, NULL),
	('eeb7713c-5474-4756-93a7-1144161cbdc9', '47f37575-3107-465e-8ef2-334c06333459', 'e7910e65-3cc5-458e-9899-217fff44ad16', 'daf7da37-9032-4952-95d5-c6caa8523fbb', NULL, NULL, '8f8a7a44e0367f3a61b72af1129fff46d8acf99f3cd9679183e68a0c230a6935', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:21.121017+00', NULL, NULL, '2026-11-30 20:40:21.121017+00', NULL, NULL, NULL, NULL);

INSERT INTO domiq_sync.notification_settings VALUES
	('47f37575-3107-465e-8ef2-334c06333459', NULL, NULL, '{email,sms,slack}', true, 5, 15);

INSERT INTO domiq_sync.pull OVERRIDING SYSTEM VALUE VALUES
	(1, 'fd98e51b-a830-4e13-a947-757ab24e2fd5', false, '2025-12-05 20:40:19.876792+00', 93600, '2026-11-30 20:40:19.878793+00', '2026-11-30 20:40:19.966198+00', 1, 125, 0, 125, 0, 0, 0, 0, 0, NULL, NULL),
	(2, '47f37575-3107-465e-8ef2-334c06333459', false, '2025-12-05 20:40:19.972421+00', 93600, '2026-11-30 20:40:19.973171+00', '2026-11-30 20:40:20.017966+00', 1, 128, 0, 128, 0, 1, 0, 0, 0, NULL, NULL),
	(3, 'fd98e51b-a830-4e13-a947-757ab24e2fd5', false, '2026-11-29 12:54:17.425728+00', 93600, '2026-11-30 20:40:20.499089+00', '2026-11-30 20:40:20.531468+00', 1, 6, 4, 2, 0, 0, 0, 0, 0, NULL, NULL),
	(4, '47f37575-3107-465e-8ef2-334c06333459', false, '2026-11-29 18:40:19.680373+00', 93600, '2026-11-30 20:40:20.54294+00', '2026-11-30 20:40:20.570751+00', 1, 7, 5, 2, 0, 0, 0, 0, 0, NULL, NULL),
	(5, 'fd98e51b-a830-4e13-a947-757ab24e2fd5', false, '2026-11-29 18:40:20.378516+00', 93600, '2026-11-30 20:40:20.621728+00', '2026-11-30 20:40:20.638288+00', 1, 4, 4, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(6, '47f37575-3107-465e-8ef2-334c06333459', false, '2026-11-29 18:40:20.408731+00', 93600, '2026-11-30 20:40:20.639831+00', '2026-11-30 20:40:20.655962+00', 1, 7, 7, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(7, 'fd98e51b-a830-4e13-a947-757ab24e2fd5', false, '2026-11-29 18:40:20.378516+00', 93600, '2026-11-30 20:40:20.773013+00', '2026-11-30 20:40:20.816947+00', 1, 4, 4, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(8, '47f37575-3107-465e-8ef2-334c06333459', false, '2026-11-29 18:40:20.408731+00', 93600, '2026-11-30 20:40:20.819452+00', '2026-11-30 20:40:20.868477+00', 1, 7, 5, 2, 0, 0, 0, 0, 0, NULL, NULL);

INSERT INTO domiq_sync.resman_lead VALUES
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '01f77b22-3311-53b7-bf91-afaded2cab06', '92fde52d-6280-5602-9240-6e6169b38143', 'Prospect', 'Prospect', '2026-11-01 05:14:39.115293+00', '2026-11-01T05:14:39.115293Z', NULL, '9f555ad0-68d9-5c83-9cb3-68b34a8d69db', '6fc7a838-4cee-5eec-9d95-84f698f9f557', NULL, 'd363a398e27b87f5a6cba98223838c92', '2026-11-30 20:40:19.947314+00', '2026-11-30 20:40:19.878793+00', NULL),
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '00bcd97e-d5e1-5b91-80fb-ecfd8edf7840', '78d9701c-c523-525b-a484-bc57cc756f67', 'Lost', 'Lost', '2026-11-29 17:51:13.267094+00', '2026-11-29T17:51:13.267094Z', 'Location', '6c0782e8-70a3-53c6-be9a-0847ce549306', '4a8d4b20-ecbb-5281-989f-b9ef9bb6d66f', NULL, 'b9bf4cdea033510fe7d4e4627f0f8acb', '2026-11-30 20:40:19.947314+00', '2026-11-30 20:40:19.878793+00', NULL),
	('47f37575-3107-465e-8ef2-334c06333459', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'a902bd14-6297-5f37-87a1-8a0f4f20dfc0', 'Lost', 'Lost', '2026-11-30 20:40:20.752921+00', '2026-11-30T20:40:20.752921Z', 'Inactive (Lack of Response)', '00eeca7f-47db-52d5-9d5b-2b0c3d0facc5', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', NULL, '542201dda42eeb8b5369cbc1a0e5e1be', '2026-11-30 20:40:20.861691+00', '2026-11-30 20:40:20.819452+00', '2026-11-30 20:40:21.099978+00'),
	('47f37575-3107-465e-8ef2-334c06333459', '8df64665-0a4b-5908-966a-c449473ffebc', '4f3f1dd8-05e6-550f-b366-481a20547025', 'Prospect', 'Prospect', '2026-11-30 20:40:20.717606+00', '2026-11-30T20:40:20.717606Z', NULL, 'a16efe8c-5c4c-5b2f-893c-a5fc43127b03', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', NULL, 'b98ce93712f4266a0a00999465eaaf38', '2026-11-30 20:40:20.861723+00', '2026-11-30 20:40:20.819452+00', '2026-11-30 20:40:20.72883+00'),
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '33fdeac8-8292-5385-a606-f2ca6ee58755', '38c202d0-d960-56cd-9a71-25343ca96096', 'Prospect', 'Prospect', '2026-11-30 20:40:20.378516+00', '2026-11-30T20:40:20.378516Z', NULL, '5ead6c5c-deee-5614-a092-8c95faabaaba', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', NULL, '8a286258c738ee33ceec3879971e969b', '2026-11-30 20:40:20.528741+00', '2026-11-30 20:40:20.499089+00', '2026-11-30 20:40:20.393087+00'),
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', '7fbaff89-4be8-592a-bb4c-b48514b39941', 'Lost', 'Lost', '2026-11-30 20:40:20.284763+00', '2026-11-30T20:40:20.284763Z', NULL, '5ead6c5c-deee-5614-a092-8c95faabaaba', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', NULL, '73b52bac62ca84fe7388374e812236e3', '2026-11-30 20:40:20.528774+00', '2026-11-30 20:40:20.499089+00', '2026-11-30 20:40:21.080002+00');

INSERT INTO domiq_sync.resman_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted', 1),
	(NULL, 'Applicant', '{application}', 'application', 2),
	(NULL, 'Resident', '{leased}', 'leased', 3),
	(NULL, 'Lost', '{lost}', 'lost', 4),
	(NULL, 'Applicant/LeaseSigned', '{leased}', 'leased', 5),
	(NULL, 'Applicant/MovedIn', '{leased}', 'leased', 6),
	(NULL, 'Applicant/Denied', '{application,lost}', 'application', 7),
	('47f37575-3107-465e-8ef2-334c06333459', 'Applicant/Denied', '{lost}', 'lost', 9);

INSERT INTO domiq_sync.rule_not_held VALUES
	('1416d723-3157-4aa5-84ef-d4c63f3cd928', '{}', '{}', '{}');

INSERT INTO domiq_sync.rule_run VALUES
	('2505b076-7d90-4c08-b1a6-31d0ff80a385', '735b1f57-bbe6-49b4-a44a-18cf523b08e3', '47f37575-3107-465e-8ef2-334c06333459', 'invalid', 'action 1 (update_lead_score): unknown setting ''score''', '{}', '2026-11-30 20:40:20.11376+00'),
	('bcff2223-8791-4feb-898f-d1f4f4f9bf30', '735b1f57-bbe6-49b4-a44a-18cf523b08e3', '47f37575-3107-465e-8ef2-334c06333459', 'invalid', 'action 1 (update_lead_score): unknown setting ''score''', '{}', '2026-11-30 20:40:20.685935+00');

INSERT INTO domiq_sync.task VALUES
	('9f36bb11-c859-40ee-96ec-6d29054506f5', 'follow_up', '47f37575-3107-465e-8ef2-334c06333459', '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '3102e764-df89-435f-af43-79cf946f9926', '06086b16-634d-4cdc-b590-5dc832184469', 1, 'x', NULL, NULL, 'low', NULL, NULL, 'open', NULL, '2026-11-30 20:40:21.209744+00');

INSERT INTO domiq_sync.threshold OVERRIDING SYSTEM VALUE VALUES
	(1, '47f37575-3107-465e-8ef2-334c06333459', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-30 20:40:21.21245+00');

INSERT INTO domiq_sync.trouble VALUES
	('prospect', 'x', '47f37575-3107-465e-8ef2-334c06333459', 'x', '2026-11-30 20:40:21.215004+00', '2026-11-30 20:40:21.215004+00', 1);

INSERT INTO domiq_sync.watermark VALUES
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '2026-11-30 20:40:20.378516+00', '2025-12-05 20:40:19.876792+00', '2026-11-30 20:40:20.773013+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	('47f37575-3107-465e-8ef2-334c06333459', '2026-11-30 20:40:20.752921+00', '2025-12-05 20:40:19.972421+00', '2026-11-30 20:40:20.819452+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO domiq_sync.worker VALUES
	('x', 'push', NULL, '2026-11-30 20:40:21.226319+00', '2026-11-30 20:40:21.226319+00');

INSERT INTO public.chatbot VALUES
	('df48677f-4467-42dd-a756-2045d7b7538d', '47f37575-3107-465e-8ef2-334c06333459', 'bot'),
	('b937347c-7c8f-480d-a667-ddd9db5bca25', 'fd98e51b-a830-4e13-a947-757ab24e2fd5', 'bot');

INSERT INTO public.company VALUES
	('1dd6f70e-ac47-4e8c-984d-eba75c0e3e3e', 'Company 0', '2026-11-30 20:40:19.561067+00'),
	('3bd65bac-2f6d-4c62-8931-cc8893970551', 'Company 1', '2026-11-30 20:40:19.575626+00');

INSERT INTO public.conversation VALUES
	('bef0f365-1451-4dd7-8aa7-f44d1aa5726f', 'df48677f-4467-42dd-a756-2045d7b7538d', '857fd17a-88f8-4b27-963d-4cdcf5ac8ba3', '2026-11-30 20:40:19.686184+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'qualified', NULL, '2026-11-30 20:40:19.686184+00', '2026-11-30 20:40:19.686184+00'),
	('1ae5e0ab-7d5c-4a11-8feb-fa4c63282e45', 'b937347c-7c8f-480d-a667-ddd9db5bca25', 'd1734f00-d156-496c-a272-059ae4c2505d', '2026-11-30 20:40:19.697719+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'leased', NULL, '2026-11-30 20:40:19.697719+00', '2026-11-30 20:40:19.697719+00'),
	('13aaa925-1f9c-4d56-8f05-bd4319a59bad', 'df48677f-4467-42dd-a756-2045d7b7538d', 'b3e33f4a-027e-41c0-8334-c44f3f97141b', '2026-11-30 20:40:19.626665+00', NULL, false, false, NULL, '2027-02-03 15:00:00', NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'tour_scheduled', NULL, '2026-11-30 20:40:19.626665+00', '2026-11-30 20:40:20.748801+00'),
	('13fbf1ef-3fe0-48bc-820b-89a5b41109be', 'df48677f-4467-42dd-a756-2045d7b7538d', 'df407f44-bf8b-4f94-9cdc-f2d699b9638d', '2026-11-30 20:40:19.655052+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'qualified', NULL, '2026-11-30 20:40:19.655052+00', '2026-11-30 20:40:21.124747+00'),
	('888d3052-7c15-46b8-9c9c-4b044deb9ce9', 'b937347c-7c8f-480d-a667-ddd9db5bca25', 'c0388fd7-2cfa-440a-9b93-65b07fdbbdb0', '2026-11-30 20:40:19.665782+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'contacted', NULL, '2026-11-30 20:40:19.665782+00', '2026-11-30 20:40:21.126033+00');

INSERT INTO public.property VALUES
	('47f37575-3107-465e-8ef2-334c06333459', '1dd6f70e-ac47-4e8c-984d-eba75c0e3e3e', 'Juniper Flats', '1 Main', 'X', 'TX', '1', NULL, NULL, NULL, '2026-11-30 20:40:19.561067+00', '2026-11-30 20:40:19.561067+00'),
	('fd98e51b-a830-4e13-a947-757ab24e2fd5', '3bd65bac-2f6d-4c62-8931-cc8893970551', 'Copper Ridge', '1 Main', 'X', 'TX', '1', NULL, NULL, NULL, '2026-11-30 20:40:19.575626+00', '2026-11-30 20:40:19.575626+00');

INSERT INTO public.status_notification_preferences VALUES
	('daf7da37-9032-4952-95d5-c6caa8523fbb', '47f37575-3107-465e-8ef2-334c06333459', 'any', 'email', '["desk@example.com"]', NULL, true, '2026-11-30 20:40:19.588583+00');

INSERT INTO public.status_sync_log VALUES
	('e21b0aff-27e5-4556-b1fc-63936e335edf', '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', NULL, 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-e21b0aff27e5]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["88123420-8138-541f-9e6f-d422a81b79e8"], "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "resman_status": "Prospect"}}', '2026-11-30 20:40:19.626665+00'),
	('650b711e-f06b-4395-bfad-b4152039aa62', '888d3052-7c15-46b8-9c9c-4b044deb9ce9', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', NULL, 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-650b711ef06bc]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["4005eb01-c69f-54f6-93d8-d22be3338c30"], "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "resman_status": "Prospect"}}', '2026-11-30 20:40:19.665782+00'),
	('1416d723-3157-4aa5-84ef-d4c63f3cd928', '1ae5e0ab-7d5c-4a11-8feb-fa4c63282e45', '33fdeac8-8292-5385-a606-f2ca6ee58755', NULL, 'leased', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-1416d7233157]", "reason": "Contact, Other at ResMan", "outcome": "sent", "event_ids": ["14072e7f-1b4c-5b83-9c2d-f30d3047beed", "ed1d18a8-f951-51f0-9e3a-7bd6ba7b9ced"], "prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "resman_status": "Prospect"}}', '2026-11-30 20:40:19.697719+00'),
	('1e4ea4ee-eda0-458c-a6bb-c04bbfe810f7', '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '8df64665-0a4b-5908-966a-c449473ffebc', NULL, 'new', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-1e4ea4eeeda0c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["b14e5e17-ee56-51a4-809d-9bcfdbd445b5"], "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "resman_status": "Prospect"}}', '2026-11-30 20:40:19.655052+00'),
	('2505b076-7d90-4c08-b1a6-31d0ff80a385', 'bef0f365-1451-4dd7-8aa7-f44d1aa5726f', NULL, NULL, 'qualified', NULL, 'chatbot', 'to_resman', 'failed', '{"sync": {"reason": "2 leads at ResMan have this email: merge them there, or say which it is with domiq-sync conflicts; then run domiq-sync retry", "outcome": "ambiguous_lead"}}', '2026-11-30 20:40:19.686184+00'),
	('bcff2223-8791-4feb-898f-d1f4f4f9bf30', '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'contacted', 'qualified', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-bcff22238791]", "reason": "Other at ResMan", "outcome": "sent", "event_ids": ["47b6b2bd-e326-52c8-86b9-b6c93f46fd38"], "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "resman_status": "Prospect"}}', '2026-11-30 20:40:20.61271+00'),
	('c48056a5-9cdc-4eea-87ad-75e95b303361', '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '8df64665-0a4b-5908-966a-c449473ffebc', 'new', 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-c48056a59cdc]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["96510855-c6e6-5b59-b60e-02f1f97d07d3"], "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "resman_status": "Prospect"}}', '2026-11-30 20:40:20.616703+00'),
	('e7910e65-3cc5-458e-9899-217fff44ad16', '13aaa925-1f9c-4d56-8f05-bd4319a59bad', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'qualified', 'tour_scheduled', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:20.748801+00'),
	('ebeb40b5-9011-40e8-8cb2-78bce84d7576', '888d3052-7c15-46b8-9c9c-4b044deb9ce9', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', 'contacted', 'lost', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-ebeb40b59011]", "reason": "Cancel at ResMan", "outcome": "sent", "event_ids": ["f3ff810b-f628-5470-8305-4aedff777e08"], "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "resman_status": "Lost"}}', '2026-11-30 20:40:20.746164+00'),
	('6b999221-0338-433b-b87c-cf89d1e2a16c', '13fbf1ef-3fe0-48bc-820b-89a5b41109be', '8df64665-0a4b-5908-966a-c449473ffebc', 'contacted', 'qualified', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:21.124747+00'),
	('242e8584-685b-4689-9699-aae71ad9634b', '888d3052-7c15-46b8-9c9c-4b044deb9ce9', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', 'lost', 'contacted', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:21.126033+00'),
	('56963f3f-e166-4923-887d-d02f448eb473', NULL, NULL, NULL, 'new', NULL, NULL, 'to_resman', 'failed', NULL, '2026-11-30 20:40:21.128104+00');

INSERT INTO public.status_workflow_rules VALUES
	('735b1f57-bbe6-49b4-a44a-18cf523b08e3', '47f37575-3107-465e-8ef2-334c06333459', 'qualified', NULL, '{}', '[{"type": "update_lead_score", "config": {"score": 80}}]', true, '2026-11-30 20:40:19.592886+00');

INSERT INTO public."user" VALUES
	('b3e33f4a-027e-41c0-8334-c44f3f97141b', 'Ada', 'Example1', 'linked@example.com', NULL, NULL, '2026-11-30 20:40:19.619554+00'),
	('df407f44-bf8b-4f94-9cdc-f2d699b9638d', 'Ada', 'Example2', 'ada.2@example.com', NULL, NULL, '2026-11-30 20:40:19.65134+00'),
	('c0388fd7-2cfa-440a-9b93-65b07fdbbdb0', 'Ada', 'Example3', 'ada.3@example.com', NULL, NULL, '2026-11-30 20:40:19.6572+00'),
	('857fd17a-88f8-4b27-963d-4cdcf5ac8ba3', 'Ada', 'Example4', 'two@example.com', NULL, NULL, '2026-11-30 20:40:19.684778+00'),
	('d1734f00-d156-496c-a272-059ae4c2505d', 'Ada', 'Example5', 'ada.5@example.com', NULL, NULL, '2026-11-30 20:40:19.696835+00');

SELECT pg_catalog.setval('domiq_sync.attempt_id_seq', 17, true);

SELECT pg_catalog.setval('domiq_sync.change_seq_seq', 12, true);

SELECT pg_catalog.setval('domiq_sync.closed_link_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.daily_total_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.domiq_status_map_id_seq', 12, true);

SELECT pg_catalog.setval('domiq_sync.lease_token', 9, true);

SELECT pg_catalog.setval('domiq_sync.link_decision_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.pull_id_seq', 8, true);

SELECT pg_catalog.setval('domiq_sync.resman_status_map_id_seq', 9, true);

SELECT pg_catalog.setval('domiq_sync.threshold_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.turn_holder', 34, true);

SET session_replication_role = origin;

-- A made-up property in the middle of its work at revision 0031, after a few passes of the version of that time, beside
-- 0031_schema.sql: some rows in every table of domiq_sync. What it has of its own is there instead.

SET session_replication_role = replica;
DELETE FROM domiq_sync.alembic_version;
DELETE FROM domiq_sync.channel;
DELETE FROM domiq_sync.domiq_status_map;
DELETE FROM domiq_sync.installation;
DELETE FROM domiq_sync.log_count;
DELETE FROM domiq_sync.resman_status_map;

INSERT INTO domiq_sync.account VALUES
	('400', 1, 0, 0, '-infinity', 0, NULL, NULL, NULL, 1);

INSERT INTO domiq_sync.account_turn VALUES
	('400', 0, 34, NULL, 0);

INSERT INTO domiq_sync.alembic_version VALUES
	('0031');

INSERT INTO domiq_sync.alert VALUES
	('4fe566d6-04be-4c48-9730-57a9438a485b', '17de8277-fab4-4242-bc40-36fc73c46c9b', 'x', 'open', '{}', '{}', '2026-11-30 20:40:49.618788+00', '2026-03-02 12:00:00+00', NULL, 0, NULL, NULL, 0);

INSERT INTO domiq_sync.alert_complaint VALUES
	('06ae7ac9-37b3-46cd-9942-ff57f5c20890', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.alert_turn VALUES
	('4fe566d6-04be-4c48-9730-57a9438a485b', 1, 'opened', '2026-03-02 12:00:00+00', 'x', 'x');

INSERT INTO domiq_sync.alert_watch VALUES
	(true, '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.announced_move VALUES
	('3cfa170e-0fb4-4c26-8c78-e424e805fda1');

INSERT INTO domiq_sync.archived_conversation VALUES
	('32907ac3-b305-40e9-8c6c-9b8197eb32b8', '32907ac3-b305-40e9-8c6c-9b8197eb32b8');

INSERT INTO domiq_sync.attempt OVERRIDING SYSTEM VALUE VALUES
	(1, '1c518d8f-acef-488c-a9d7-899dda618c8a', 1, 'vm:6112:698a9dc4', 'tell', 'ok', '{"marker": "[DQ-1c518d8facef]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:45.837588+00:00", "event_type": "Contact", "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "customer_type": "prospect", "answer_event_ids": ["88123420-8138-541f-9e6f-d422a81b79e8"], "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:47.267049+00', 31),
	(2, '3641dbcf-7419-474c-8047-d77fba844ab3', 2, 'vm:6112:698a9dc4', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:47.364051+00', 29),
	(3, '3641dbcf-7419-474c-8047-d77fba844ab3', 2, 'vm:6112:698a9dc4', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:47.393162+00', 24),
	(4, '3641dbcf-7419-474c-8047-d77fba844ab3', 2, 'vm:6112:698a9dc4', 'create', 'ok', '{"marker": "[DQ-3641dbcf7419c]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:45.902103+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["4005eb01-c69f-54f6-93d8-d22be3338c30"], "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:47.422456+00', 31),
	(5, '793c9f21-31a1-4431-b207-43c07c24fd7f', 3, 'vm:6112:698a9dc4', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:47.401874+00', 84),
	(6, '793c9f21-31a1-4431-b207-43c07c24fd7f', 3, 'vm:6112:698a9dc4', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:47.48555+00', 19),
	(7, '793c9f21-31a1-4431-b207-43c07c24fd7f', 3, 'vm:6112:698a9dc4', 'create', 'ok', '{"marker": "[DQ-793c9f2131a1c]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:45.982817+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["14072e7f-1b4c-5b83-9c2d-f30d3047beed"], "answer_prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:47.519916+00', 37),
	(8, '793c9f21-31a1-4431-b207-43c07c24fd7f', 3, 'vm:6112:698a9dc4', 'tell', 'ok', '{"marker": "[DQ-793c9f2131a1]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:45.982817+00:00", "event_type": "Other", "prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "customer_type": "prospect", "answer_event_ids": ["ed1d18a8-f951-51f0-9e3a-7bd6ba7b9ced"], "answer_prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:47.590825+00', 44),
	(9, '888d190c-2d06-43ff-b88f-2b5ea0494449', 4, 'vm:6112:698a9dc4', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:47.626588+00', 40),
	(10, '888d190c-2d06-43ff-b88f-2b5ea0494449', 4, 'vm:6112:698a9dc4', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:47.666596+00', 26),
	(11, '888d190c-2d06-43ff-b88f-2b5ea0494449', 4, 'vm:6112:698a9dc4', 'create', 'ok', '{"marker": "[DQ-888d190c2d06c]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:45.894073+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["b14e5e17-ee56-51a4-809d-9bcfdbd445b5"], "answer_prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:47.716856+00', 36),
	(12, '71f041bf-9965-454e-9750-36aa96814d12', 5, 'vm:6112:698a9dc4', 'search_by_email', 'ok', '{"found": 2}', '2026-11-30 20:40:47.748206+00', 30),
	(13, 'cc746100-5034-4168-9541-75e790071d9c', 6, 'vm:6112:18742ebb', 'tell', 'ok', '{"marker": "[DQ-cc7461005034]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:48.571478+00:00", "event_type": "Other", "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "customer_type": "prospect", "answer_event_ids": ["47b6b2bd-e326-52c8-86b9-b6c93f46fd38"], "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:48.855228+00', 22),
	(14, '23a456e6-070c-44d7-8ef5-2b9677221506', 7, 'vm:6112:18742ebb', 'tell', 'ok', '{"marker": "[DQ-23a456e6070c]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:48.576564+00:00", "event_type": "Contact", "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "customer_type": "prospect", "answer_event_ids": ["96510855-c6e6-5b59-b60e-02f1f97d07d3"], "answer_prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:48.874395+00', 18),
	(15, 'f0cbaa65-9850-4888-911c-2a566de14292', 9, 'vm:6112:7252fe08', 'read', 'ok', '{"answer_events": 1, "answer_status": "prospect", "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52"}', '2026-11-30 20:40:49.328576+00', 11),
	(16, 'f0cbaa65-9850-4888-911c-2a566de14292', 9, 'vm:6112:7252fe08', 'tell', 'ok', '{"marker": "[DQ-f0cbaa659850]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:48.973474+00:00", "event_type": "Cancel", "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "customer_type": "lost", "answer_event_ids": ["f3ff810b-f628-5470-8305-4aedff777e08"], "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "transaction_source": "de564bba-943c-57f5-9b24-3666317bfa3e"}', '2026-11-30 20:40:49.362569+00', 15),
	(17, '41af2120-e7d2-49a0-a97d-b6b0fcd33002', 8, 'vm:6112:7252fe08', 'read', 'ok', '{"answer_events": 3, "answer_status": "lost", "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6"}', '2026-11-30 20:40:49.333447+00', 63);

INSERT INTO domiq_sync.capture_gap OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-11-30 20:40:49.694283+00', 1, 1, NULL);

INSERT INTO domiq_sync.change OVERRIDING SYSTEM VALUE VALUES
	('3641dbcf-7419-474c-8047-d77fba844ab3', 3, '9d4d62cb-6afb-42be-b444-c040d1d21dad', '17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:45.908123+00', NULL, NULL, 0, '2026-11-30 20:40:47.871688+00', '2026-11-30 20:40:47.07405+00', 'trigger', NULL),
	('793c9f21-31a1-4431-b207-43c07c24fd7f', 5, 'dd423bc9-7e01-4eb6-ae5f-ff4c68bf5cfb', '17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:45.984152+00', NULL, NULL, 0, '2026-11-30 20:40:47.871763+00', '2026-11-30 20:40:47.074111+00', 'trigger', NULL),
	('1c518d8f-acef-488c-a9d7-899dda618c8a', 1, 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:45.851779+00', NULL, NULL, 0, '2026-11-30 20:40:47.87177+00', '2026-11-30 20:40:47.108711+00', 'trigger', NULL),
	('888d190c-2d06-43ff-b88f-2b5ea0494449', 2, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:45.895415+00', NULL, NULL, 0, '2026-11-30 20:40:47.871774+00', '2026-11-30 20:40:47.108753+00', 'trigger', NULL),
	('71f041bf-9965-454e-9750-36aa96814d12', 4, 'b397cd55-5aa3-428d-9365-ffd3c75d8dc9', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:45.962919+00', NULL, NULL, 0, '2026-11-30 20:40:47.871778+00', '2026-11-30 20:40:47.10876+00', 'trigger', NULL),
	('cc746100-5034-4168-9541-75e790071d9c', 6, 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:48.574855+00', NULL, NULL, 0, '2026-11-30 20:40:48.945148+00', '2026-11-30 20:40:48.791171+00', 'trigger', NULL),
	('23a456e6-070c-44d7-8ef5-2b9677221506', 7, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:48.577864+00', NULL, NULL, 0, '2026-11-30 20:40:48.945198+00', '2026-11-30 20:40:48.791205+00', 'trigger', NULL),
	('f0cbaa65-9850-4888-911c-2a566de14292', 8, '9d4d62cb-6afb-42be-b444-c040d1d21dad', '17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:48.974956+00', NULL, NULL, 0, '2026-11-30 20:40:49.4574+00', '2026-11-30 20:40:49.239529+00', 'trigger', NULL),
	('41af2120-e7d2-49a0-a97d-b6b0fcd33002', 9, 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:48.981657+00', NULL, NULL, 0, '2026-11-30 20:40:49.457429+00', '2026-11-30 20:40:49.255005+00', 'trigger', NULL),
	('23eff66f-3d89-4d6e-8ba2-e1d46f6e8d0d', 10, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:49.513115+00', NULL, NULL, 0, NULL, NULL, 'trigger', NULL),
	('27273c67-66cd-4477-b0ad-57064a5d65af', 11, '9d4d62cb-6afb-42be-b444-c040d1d21dad', '17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:49.523208+00', NULL, NULL, 0, NULL, NULL, 'trigger', NULL),
	('778d9463-c9a5-4841-8177-78481da8e21e', 12, NULL, NULL, '2026-11-30 20:40:49.535966+00', NULL, NULL, 0, NULL, NULL, 'application', NULL);

INSERT INTO domiq_sync.channel VALUES
	('email', 200, '-infinity', 0, NULL, NULL),
	('sms', 1000, '-infinity', 0, NULL, NULL),
	('slack', 1100, '-infinity', 0, NULL, NULL),
	('operator', 1000, '-infinity', 0, NULL, NULL),
	('in_app', 0, '-infinity', 0, NULL, NULL);

INSERT INTO domiq_sync.closed_link OVERRIDING SYSTEM VALUE VALUES
	(1, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '17de8277-fab4-4242-bc40-36fc73c46c9b', 'x', 'x', '2026-03-02 12:00:00+00', NULL, NULL, NULL, '2026-11-30 20:40:49.714936+00', 'x', NULL);

INSERT INTO domiq_sync.conflict VALUES
	('43638703-848e-40dd-a90f-921f2f816918', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'tour_scheduled', 'Lost', '2026-11-30 20:40:49.139049+00', NULL, NULL, NULL);

INSERT INTO domiq_sync.daily_count VALUES
	('2026-03-02', '2026-11-30 20:40:49.727983+00');

INSERT INTO domiq_sync.daily_figure VALUES
	('2026-03-02', 'x', 'x', 1, 1, 1, 1, NULL, 1, NULL, NULL, 1, 1, '{}', '{}', '{}', '{}', NULL, 1);

INSERT INTO domiq_sync.daily_property VALUES
	('2026-03-02', 'x', 1, 1, NULL, NULL, NULL, NULL);

INSERT INTO domiq_sync.daily_total OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-03-02', 'x', NULL, NULL, 1);

INSERT INTO domiq_sync.delivery VALUES
	('41af2120-e7d2-49a0-a97d-b6b0fcd33002', 9, 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', true, true, 'waiting', 0, 1, '2026-11-30 20:55:49.416139+00', NULL, NULL, 'conflict', '2026-11-30 20:40:48.98178+00', NULL, NULL, 0, NULL, NULL),
	('23eff66f-3d89-4d6e-8ba2-e1d46f6e8d0d', 10, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', true, true, 'ready', 0, 0, '2026-11-30 20:40:49.513242+00', NULL, NULL, NULL, '2026-11-30 20:40:49.513242+00', NULL, NULL, 0, NULL, NULL),
	('27273c67-66cd-4477-b0ad-57064a5d65af', 11, '9d4d62cb-6afb-42be-b444-c040d1d21dad', '17de8277-fab4-4242-bc40-36fc73c46c9b', true, true, 'ready', 0, 0, '2026-11-30 20:40:49.523326+00', NULL, NULL, NULL, '2026-11-30 20:40:49.523327+00', NULL, NULL, 0, NULL, NULL);

INSERT INTO domiq_sync.divergence VALUES
	('32907ac3-b305-40e9-8c6c-9b8197eb32b8', '17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:49.794257+00');

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

INSERT INTO domiq_sync.erasure OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-11-30 20:40:49.803214+00', 'x', 'person', 'x', 1, '{}');

INSERT INTO domiq_sync.installation VALUES
	('f26f8467-a117-4023-8bd6-6f3c34480ecf', 1);

INSERT INTO domiq_sync.integration VALUES
	('17de8277-fab4-4242-bc40-36fc73c46c9b', '400', '490e0825-f667-548c-913b-350c4c5a4fb5', 'copper-ridge', true, 'both', 'resman_wins', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', '5ead6c5c-deee-5614-a092-8c95faabaaba', 'de564bba-943c-57f5-9b24-3666317bfa3e', 'America/Chicago', '2026-11-30 20:40:45.804867+00', NULL, 'local'),
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', '400', '2c9d9573-30dc-577f-b541-280af4b7fe68', 'juniper-flats', true, 'both', 'manual_review', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', 'a16efe8c-5c4c-5b2f-893c-a5fc43127b03', 'de564bba-943c-57f5-9b24-3666317bfa3e', 'America/New_York', '2026-11-30 20:40:45.783306+00', NULL, 'local');

INSERT INTO domiq_sync.lead_link VALUES
	('dd423bc9-7e01-4eb6-ae5f-ff4c68bf5cfb', '17de8277-fab4-4242-bc40-36fc73c46c9b', '33fdeac8-8292-5385-a606-f2ca6ee58755', '38c202d0-d960-56cd-9a71-25343ca96096', true, 'created', '2026-11-30 20:40:47.574998+00', 'leased', 'Prospect', '2026-11-30 20:40:47.662929+00'),
	('a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'a902bd14-6297-5f37-87a1-8a0f4f20dfc0', true, 'email', '2026-11-30 20:40:46.64238+00', 'qualified', 'Prospect', '2026-11-30 20:40:48.902935+00'),
	('32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '8df64665-0a4b-5908-966a-c449473ffebc', '4f3f1dd8-05e6-550f-b366-481a20547025', true, 'created', '2026-11-30 20:40:47.77665+00', 'contacted', 'Prospect', '2026-11-30 20:40:48.912569+00'),
	('9d4d62cb-6afb-42be-b444-c040d1d21dad', '17de8277-fab4-4242-bc40-36fc73c46c9b', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', '7fbaff89-4be8-592a-bb4c-b48514b39941', true, 'created', '2026-11-30 20:40:47.467822+00', 'lost', 'Lost', '2026-11-30 20:40:49.402742+00');

INSERT INTO domiq_sync.link_decision OVERRIDING SYSTEM VALUE VALUES
	(1, '17de8277-fab4-4242-bc40-36fc73c46c9b', '32907ac3-b305-40e9-8c6c-9b8197eb32b8', NULL, 'x', 'same', 'x', '2026-11-30 20:40:49.823737+00');

INSERT INTO domiq_sync.link_question VALUES
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', '11ab1a4d-85a9-545e-9045-4a358abf518d', 'several_prospects', 'several prospects look like one user', 2, '{11ab1a4d-85a9-545e-9045-4a358abf518d,82dabeac-4880-547c-b843-0d68e7b44c4d}', '{b397cd55-5aa3-428d-9365-ffd3c75d8dc9}', '2026-11-30 20:40:46.643931+00', NULL, NULL);

INSERT INTO domiq_sync.log_count VALUES
	(16579, 'chatbot', '17687:753 17688:753 17689:753 17690:753 17715:753 17716:753', 0, '2026-11-30 20:40:45.222108+00', 0, 0, '[]', NULL, NULL);

INSERT INTO domiq_sync.log_delta OVERRIDING SYSTEM VALUE VALUES
	(26, 16579, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', 'to_resman', 'pending', 1),
	(27, 16579, '9d4d62cb-6afb-42be-b444-c040d1d21dad', 'to_resman', 'pending', 1),
	(28, 16579, NULL, 'to_resman', 'failed', 1);

INSERT INTO domiq_sync.log_move OVERRIDING SYSTEM VALUE VALUES
	(1, '32907ac3-b305-40e9-8c6c-9b8197eb32b8', 'gone', 'b5a4446f-d3be-451d-a572-b5713518974f', 'gone', 'a30b1ab7-5099-404b-a83f-56bb22b71fa4');

INSERT INTO domiq_sync.log_total VALUES
	(16579, 'chatbot', '6befda0b-b18e-4106-83df-12f8bc4becf8', 'to_resman', 'failed', 1),
	(16579, 'chatbot', '6befda0b-b18e-4106-83df-12f8bc4becf8', 'to_resman', 'success', 4),
	(16579, 'chatbot', '6befda0b-b18e-4106-83df-12f8bc4becf8', 'to_resman', 'pending', 1),
	(16579, 'chatbot', 'b40d9dca-56a4-4ecb-a34d-57e8dd027980', 'to_resman', 'success', 3);

INSERT INTO domiq_sync.missing_lead VALUES
	('17de8277-fab4-4242-bc40-36fc73c46c9b', 'x', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL);

INSERT INTO domiq_sync.notification VALUES
	('4df8873d-6225-4c33-967f-375c6f00adcd', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '1c518d8f-acef-488c-a9d7-899dda618c8a', '7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', NULL, NULL, '4894c990aca798551d506ae25c6845d8b8c67d2299480f827a85a19072197158', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:47.869853+00', NULL, NULL, '2026-11-30 20:40:47.869853+00', NULL, NULL, NULL, NULL, NULL),
	('a5d5e0a8-697c-470c-8464-cfad977e73fb', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '888d190c-2d06-43ff-b88f-2b5ea0494449', '7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', NULL, NULL, '5f53d48a36d9017546a816741f5103bb6d5a85be7715217f6b7dd38406db5c4e', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:47.870592+00', NULL, NULL, '2026-11-30 20:40:47.870592+00', NULL, NULL, NULL, NULL, NULL),
	('ecba1e4e-8e24-4c88-9036-34f519be78d4', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '71f041bf-9965-454e-9750-36aa96814d12', '7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', NULL, NULL, 'aa9c87428e97e91c562c84b2136f7771bb226d5d97ac02410b12d309650213af', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:47.870617+00', NULL, NULL, '2026-11-30 20:40:47.870617+00', NULL, NULL, NULL, NULL, NULL),
	('ac39686a-b160-4c2b-8e2b-8576d68c52eb', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'cc746100-5034-4168-9541-75e790071d9c', '7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', NULL, NULL, '0e90ab2e3a223c717d69688985ec821522d44934bb56fb18b9ea7584d1fa3f97', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:48.939245+00', NULL, NULL, '2026-11-30 20:40:48.939245+00', NULL, NULL, NULL, NULL, NULL),
	('06ae7ac9-37b3-46cd-9942-ff57f5c20890', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '23a456e6-070c-44d7-8ef5-2b9677221506', '7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', NULL, NULL, '7152846669fe880cfee41a3be1f3bf1b75ab5bf08493edb482ae9b66a168fb2c', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:48.93934+00', NULL, NULL, '2026-11-30 20:40:48.93934+00', NULL, NULL, NULL, NULL, NULL),
	('c6f46058-2042-4f63-a1ba-8655d5069de6', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', '41af2120-e7d2-49a0-a97d-b6b0fcd33002', '7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', NULL, NULL, '3f0c7f8c131532884e147ee3f2fa625c10a6058ab6658fe36841a591e9bb25af', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:49.456628+00', NULL, NULL, '2026-11-30 20:40:49.456628+00', NULL, NULL, NULL, NULL, NULL);

INSERT INTO domiq_sync.notification_settings VALUES
	('17de8277-fab4-4242-bc40-36fc73c46c9b', NULL, NULL, '{email,sms,slack}', true, 5, 15);

INSERT INTO domiq_sync.partition_mark VALUES
	('x', 'juniper-flats', 'x', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.pause OVERRIDING SYSTEM VALUE VALUES
	(1, '17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:49.88247+00', 'x', 'x', NULL, NULL);

INSERT INTO domiq_sync.pull OVERRIDING SYSTEM VALUE VALUES
	(1, '17de8277-fab4-4242-bc40-36fc73c46c9b', false, '2025-12-05 20:40:46.354549+00', 93600, '2026-11-30 20:40:46.365618+00', '2026-11-30 20:40:46.529146+00', 1, 125, 0, 125, 0, 0, 0, 0, 0, NULL, NULL),
	(2, '8df36ff9-cabe-4341-93a5-68cdaf13ea50', false, '2025-12-05 20:40:46.551074+00', 93600, '2026-11-30 20:40:46.553567+00', '2026-11-30 20:40:46.664636+00', 1, 128, 0, 128, 0, 1, 0, 0, 0, NULL, NULL),
	(3, '17de8277-fab4-4242-bc40-36fc73c46c9b', false, '2026-11-29 12:54:42.625993+00', 93600, '2026-11-30 20:40:47.966092+00', '2026-11-30 20:40:48.078029+00', 1, 6, 4, 2, 0, 0, 0, 0, 0, NULL, NULL),
	(4, '8df36ff9-cabe-4341-93a5-68cdaf13ea50', false, '2026-11-29 18:40:45.940123+00', 93600, '2026-11-30 20:40:48.100602+00', '2026-11-30 20:40:48.177+00', 1, 7, 5, 2, 0, 0, 0, 0, 0, NULL, NULL),
	(5, '17de8277-fab4-4242-bc40-36fc73c46c9b', false, '2026-11-29 18:40:47.614704+00', 93600, '2026-11-30 20:40:48.591839+00', '2026-11-30 20:40:48.606532+00', 1, 4, 4, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(6, '8df36ff9-cabe-4341-93a5-68cdaf13ea50', false, '2026-11-29 18:40:47.741286+00', 93600, '2026-11-30 20:40:48.610388+00', '2026-11-30 20:40:48.64474+00', 1, 7, 7, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(7, '17de8277-fab4-4242-bc40-36fc73c46c9b', false, '2026-11-29 18:40:47.614704+00', 93600, '2026-11-30 20:40:49.019207+00', '2026-11-30 20:40:49.056488+00', 1, 4, 4, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(8, '8df36ff9-cabe-4341-93a5-68cdaf13ea50', false, '2026-11-29 18:40:47.741286+00', 93600, '2026-11-30 20:40:49.05935+00', '2026-11-30 20:40:49.088845+00', 1, 7, 5, 2, 0, 0, 0, 0, 0, NULL, NULL);

INSERT INTO domiq_sync.pull_claim VALUES
	('17de8277-fab4-4242-bc40-36fc73c46c9b', NULL, NULL, 0, NULL, 0, NULL, 1, NULL);

INSERT INTO domiq_sync.pull_pace VALUES
	('x', '-infinity');

INSERT INTO domiq_sync.report_page VALUES
	('7759ed9e-9f71-4537-b85b-65474ef8d58a', '2026-11-30 20:40:49.905654+00', 'x', 'x');

INSERT INTO domiq_sync.request_count VALUES
	('2026-03-02', 'x', 'x', 'v1', 1);

INSERT INTO domiq_sync.resman_lead VALUES
	('17de8277-fab4-4242-bc40-36fc73c46c9b', '01f77b22-3311-53b7-bf91-afaded2cab06', '92fde52d-6280-5602-9240-6e6169b38143', 'Prospect', 'Prospect', '2026-11-01 05:15:04.325093+00', '2026-11-01T05:15:04.325093Z', NULL, '9f555ad0-68d9-5c83-9cb3-68b34a8d69db', '6fc7a838-4cee-5eec-9d95-84f698f9f557', NULL, '7c4ebe551de7e575b9c1e49b431249ec', '2026-11-30 20:40:46.503386+00', '2026-11-30 20:40:46.365618+00', NULL, NULL),
	('17de8277-fab4-4242-bc40-36fc73c46c9b', '00bcd97e-d5e1-5b91-80fb-ecfd8edf7840', '78d9701c-c523-525b-a484-bc57cc756f67', 'Lost', 'Lost', '2026-11-29 17:51:38.5078+00', '2026-11-29T17:51:38.507800Z', 'Location', '6c0782e8-70a3-53c6-be9a-0847ce549306', '4a8d4b20-ecbb-5281-989f-b9ef9bb6d66f', NULL, '40f1329bf603aa1875dcc3f4dc3c6bc5', '2026-11-30 20:40:46.503386+00', '2026-11-30 20:40:46.365618+00', NULL, NULL),
	('17de8277-fab4-4242-bc40-36fc73c46c9b', '33fdeac8-8292-5385-a606-f2ca6ee58755', '38c202d0-d960-56cd-9a71-25343ca96096', 'Prospect', 'Prospect', '2026-11-30 20:40:47.614704+00', '2026-11-30T20:40:47.614704Z', NULL, '5ead6c5c-deee-5614-a092-8c95faabaaba', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', NULL, 'ede66e3e30be9fa0554b7c9f3a480bed', '2026-11-30 20:40:48.059913+00', '2026-11-30 20:40:47.966092+00', '2026-11-30 20:40:47.653069+00', '2026-11-30 20:40:47.57932+00'),
	('17de8277-fab4-4242-bc40-36fc73c46c9b', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', '7fbaff89-4be8-592a-bb4c-b48514b39941', 'Lost', 'Lost', '2026-11-30 20:40:47.436921+00', '2026-11-30T20:40:47.436921Z', NULL, '5ead6c5c-deee-5614-a092-8c95faabaaba', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', NULL, '07209a08b1dbeb77d616d0f68ba9f49f', '2026-11-30 20:40:48.05995+00', '2026-11-30 20:40:47.966092+00', '2026-11-30 20:40:49.401734+00', '2026-11-30 20:40:49.401734+00'),
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', '8df64665-0a4b-5908-966a-c449473ffebc', '4f3f1dd8-05e6-550f-b366-481a20547025', 'Prospect', 'Prospect', '2026-11-30 20:40:48.88989+00', '2026-11-30T20:40:48.889890Z', NULL, 'a16efe8c-5c4c-5b2f-893c-a5fc43127b03', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', NULL, '59bf55f526dcf77698a90e23c53f94a0', '2026-11-30 20:40:49.085369+00', '2026-11-30 20:40:49.05935+00', '2026-11-30 20:40:48.908342+00', '2026-11-30 20:40:47.764539+00'),
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'a902bd14-6297-5f37-87a1-8a0f4f20dfc0', 'Lost', 'Lost', '2026-11-30 20:40:48.98715+00', '2026-11-30T20:40:48.987150Z', 'Inactive (Lack of Response)', '00eeca7f-47db-52d5-9d5b-2b0c3d0facc5', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', NULL, 'b327a09bf2c7af41b91272e80f512432', '2026-11-30 20:40:49.085344+00', '2026-11-30 20:40:49.05935+00', '2026-11-30 20:40:49.402468+00', NULL);

INSERT INTO domiq_sync.resman_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted', 1),
	(NULL, 'Applicant', '{application}', 'application', 2),
	(NULL, 'Resident', '{leased}', 'leased', 3),
	(NULL, 'Lost', '{lost}', 'lost', 4),
	(NULL, 'Applicant/LeaseSigned', '{leased}', 'leased', 5),
	(NULL, 'Applicant/MovedIn', '{leased}', 'leased', 6),
	(NULL, 'Applicant/Denied', '{application,lost}', 'application', 7),
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'Applicant/Denied', '{lost}', 'lost', 9);

INSERT INTO domiq_sync.restored OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-11-30 20:40:49.916375+00', NULL, 'x');

INSERT INTO domiq_sync.rule_not_held VALUES
	('1c518d8f-acef-488c-a9d7-899dda618c8a', '{}', '{}', '{}');

INSERT INTO domiq_sync.rule_run VALUES
	('71f041bf-9965-454e-9750-36aa96814d12', 'dbc8efe5-3931-4e54-bf74-19104f4e0919', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'invalid', 'action 1 (update_lead_score): unknown setting ''score''', '{}', '2026-11-30 20:40:47.103441+00'),
	('cc746100-5034-4168-9541-75e790071d9c', 'dbc8efe5-3931-4e54-bf74-19104f4e0919', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'invalid', 'action 1 (update_lead_score): unknown setting ''score''', '{}', '2026-11-30 20:40:48.788631+00');

INSERT INTO domiq_sync.sleeper VALUES
	('x', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.status_sync_log_archive_2026_03 VALUES
	('cba192b0-6877-4fb3-bd91-09d2af2398d1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-03-05 12:00:00+00', 1, NULL, '2026-03-02 12:00:00+00', '{}', '{}', '2026-11-30 20:40:49.942143+00');

INSERT INTO domiq_sync.task VALUES
	('b369c958-1966-4425-a72e-3a140a7f893c', 'follow_up', '17de8277-fab4-4242-bc40-36fc73c46c9b', '32907ac3-b305-40e9-8c6c-9b8197eb32b8', 'aad2dfe4-cd1e-4f83-b602-c17244522b5d', 'e8e591e4-208d-462c-8abf-394a5ec725e1', 1, 'x', NULL, NULL, 'low', NULL, NULL, 'open', NULL, '2026-11-30 20:40:49.950598+00');

INSERT INTO domiq_sync.threshold OVERRIDING SYSTEM VALUE VALUES
	(1, '17de8277-fab4-4242-bc40-36fc73c46c9b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-30 20:40:49.955271+00');

INSERT INTO domiq_sync.trouble VALUES
	('prospect', 'x', '17de8277-fab4-4242-bc40-36fc73c46c9b', 'x', '2026-11-30 20:40:49.965637+00', '2026-11-30 20:40:49.965637+00', 1);

INSERT INTO domiq_sync.watermark VALUES
	('17de8277-fab4-4242-bc40-36fc73c46c9b', '2026-11-30 20:40:47.614704+00', '2025-12-05 20:40:46.354549+00', '2026-11-30 20:40:49.019207+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0),
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', '2026-11-30 20:40:48.98715+00', '2025-12-05 20:40:46.551074+00', '2026-11-30 20:40:49.05935+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0);

INSERT INTO domiq_sync.whole_sweep VALUES
	(true, '2026-11-30 20:40:49.142455+00');

INSERT INTO domiq_sync.worker VALUES
	('x', 'push', NULL, '2026-11-30 20:40:49.972764+00', '2026-11-30 20:40:49.972764+00', NULL);

INSERT INTO public.chatbot VALUES
	('6befda0b-b18e-4106-83df-12f8bc4becf8', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'bot'),
	('b40d9dca-56a4-4ecb-a34d-57e8dd027980', '17de8277-fab4-4242-bc40-36fc73c46c9b', 'bot');

INSERT INTO public.company VALUES
	('13d1b1b7-53a6-46c5-b1a9-3db5d9649e6d', 'Company 0', '2026-11-30 20:40:45.76945+00'),
	('d08ace9b-bb74-456a-a8f4-8ebd691e0ffd', 'Company 1', '2026-11-30 20:40:45.803289+00');

INSERT INTO public.conversation VALUES
	('b397cd55-5aa3-428d-9365-ffd3c75d8dc9', '6befda0b-b18e-4106-83df-12f8bc4becf8', 'a00b517b-ef17-47d6-9250-2f86f27243ad', '2026-11-30 20:40:45.961156+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'qualified', NULL, '2026-11-30 20:40:45.961156+00', '2026-11-30 20:40:45.961156+00'),
	('dd423bc9-7e01-4eb6-ae5f-ff4c68bf5cfb', 'b40d9dca-56a4-4ecb-a34d-57e8dd027980', 'cc9bc5db-3038-4251-944e-4746ecb1b1db', '2026-11-30 20:40:45.982817+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'leased', NULL, '2026-11-30 20:40:45.982817+00', '2026-11-30 20:40:45.982817+00'),
	('a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '6befda0b-b18e-4106-83df-12f8bc4becf8', '7d1ab0c7-4cfa-42f0-9bb9-acc40d86835b', '2026-11-30 20:40:45.837588+00', NULL, false, false, NULL, '2027-02-03 15:00:00', NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'tour_scheduled', NULL, '2026-11-30 20:40:45.837588+00', '2026-11-30 20:40:48.980025+00'),
	('32907ac3-b305-40e9-8c6c-9b8197eb32b8', '6befda0b-b18e-4106-83df-12f8bc4becf8', '5bbc985f-49b5-44ca-9891-15e3679ce8c3', '2026-11-30 20:40:45.894073+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'qualified', NULL, '2026-11-30 20:40:45.894073+00', '2026-11-30 20:40:49.508324+00'),
	('9d4d62cb-6afb-42be-b444-c040d1d21dad', 'b40d9dca-56a4-4ecb-a34d-57e8dd027980', '81cb19e2-9bf0-4348-a95e-7608194423c3', '2026-11-30 20:40:45.902103+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'contacted', NULL, '2026-11-30 20:40:45.902103+00', '2026-11-30 20:40:49.521949+00');

INSERT INTO public.property VALUES
	('8df36ff9-cabe-4341-93a5-68cdaf13ea50', '13d1b1b7-53a6-46c5-b1a9-3db5d9649e6d', 'Juniper Flats', '1 Main', 'X', 'TX', '1', NULL, NULL, NULL, '2026-11-30 20:40:45.76945+00', '2026-11-30 20:40:45.76945+00'),
	('17de8277-fab4-4242-bc40-36fc73c46c9b', 'd08ace9b-bb74-456a-a8f4-8ebd691e0ffd', 'Copper Ridge', '1 Main', 'X', 'TX', '1', NULL, NULL, NULL, '2026-11-30 20:40:45.803289+00', '2026-11-30 20:40:45.803289+00');

INSERT INTO public.status_notification_preferences VALUES
	('7e0383f3-34c1-4cbe-9170-c286a4cbbd5e', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'any', 'email', '["desk@example.com"]', NULL, true, '2026-11-30 20:40:45.813662+00');

INSERT INTO public.status_sync_log VALUES
	('1c518d8f-acef-488c-a9d7-899dda618c8a', 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', NULL, 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-1c518d8facef]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["88123420-8138-541f-9e6f-d422a81b79e8"], "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "resman_status": "Prospect"}}', '2026-11-30 20:40:45.837588+00'),
	('3641dbcf-7419-474c-8047-d77fba844ab3', '9d4d62cb-6afb-42be-b444-c040d1d21dad', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', NULL, 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-3641dbcf7419c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["4005eb01-c69f-54f6-93d8-d22be3338c30"], "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "resman_status": "Prospect"}}', '2026-11-30 20:40:45.902103+00'),
	('793c9f21-31a1-4431-b207-43c07c24fd7f', 'dd423bc9-7e01-4eb6-ae5f-ff4c68bf5cfb', '33fdeac8-8292-5385-a606-f2ca6ee58755', NULL, 'leased', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-793c9f2131a1]", "reason": "Contact, Other at ResMan", "outcome": "sent", "event_ids": ["14072e7f-1b4c-5b83-9c2d-f30d3047beed", "ed1d18a8-f951-51f0-9e3a-7bd6ba7b9ced"], "prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "resman_status": "Prospect"}}', '2026-11-30 20:40:45.982817+00'),
	('888d190c-2d06-43ff-b88f-2b5ea0494449', '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df64665-0a4b-5908-966a-c449473ffebc', NULL, 'new', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-888d190c2d06c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["b14e5e17-ee56-51a4-809d-9bcfdbd445b5"], "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "resman_status": "Prospect"}}', '2026-11-30 20:40:45.894073+00'),
	('71f041bf-9965-454e-9750-36aa96814d12', 'b397cd55-5aa3-428d-9365-ffd3c75d8dc9', NULL, NULL, 'qualified', NULL, 'chatbot', 'to_resman', 'failed', '{"sync": {"reason": "2 leads at ResMan have this email: merge them there, or say which it is with domiq-sync conflicts; then run domiq-sync retry", "outcome": "ambiguous_lead"}}', '2026-11-30 20:40:45.961156+00'),
	('cc746100-5034-4168-9541-75e790071d9c', 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'contacted', 'qualified', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-cc7461005034]", "reason": "Other at ResMan", "outcome": "sent", "event_ids": ["47b6b2bd-e326-52c8-86b9-b6c93f46fd38"], "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "resman_status": "Prospect"}}', '2026-11-30 20:40:48.571478+00'),
	('23a456e6-070c-44d7-8ef5-2b9677221506', '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df64665-0a4b-5908-966a-c449473ffebc', 'new', 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-23a456e6070c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["96510855-c6e6-5b59-b60e-02f1f97d07d3"], "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "resman_status": "Prospect"}}', '2026-11-30 20:40:48.576564+00'),
	('41af2120-e7d2-49a0-a97d-b6b0fcd33002', 'a9219df6-61c6-41ea-9a18-2df66fc6a9f3', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'qualified', 'tour_scheduled', NULL, 'chatbot', 'to_resman', 'pending', '{"tour": {"is": "2027-02-03T15:00:00"}}', '2026-11-30 20:40:48.980025+00'),
	('f0cbaa65-9850-4888-911c-2a566de14292', '9d4d62cb-6afb-42be-b444-c040d1d21dad', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', 'contacted', 'lost', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-f0cbaa659850]", "reason": "Cancel at ResMan", "outcome": "sent", "event_ids": ["f3ff810b-f628-5470-8305-4aedff777e08"], "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "resman_status": "Lost"}}', '2026-11-30 20:40:48.973474+00'),
	('23eff66f-3d89-4d6e-8ba2-e1d46f6e8d0d', '32907ac3-b305-40e9-8c6c-9b8197eb32b8', '8df64665-0a4b-5908-966a-c449473ffebc', 'contacted', 'qualified', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:49.508324+00'),
	('27273c67-66cd-4477-b0ad-57064a5d65af', '9d4d62cb-6afb-42be-b444-c040d1d21dad', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', 'lost', 'contacted', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:49.521949+00'),
	('778d9463-c9a5-4841-8177-78481da8e21e', NULL, NULL, NULL, 'new', NULL, NULL, 'to_resman', 'failed', NULL, '2026-11-30 20:40:49.535237+00');

INSERT INTO public.status_workflow_rules VALUES
	('dbc8efe5-3931-4e54-bf74-19104f4e0919', '8df36ff9-cabe-4341-93a5-68cdaf13ea50', 'qualified', NULL, '{}', '[{"type": "update_lead_score", "config": {"score": 80}}]', true, '2026-11-30 20:40:45.817611+00');

INSERT INTO public."user" VALUES
	('7d1ab0c7-4cfa-42f0-9bb9-acc40d86835b', 'Ada', 'Example1', 'linked@example.com', NULL, NULL, '2026-11-30 20:40:45.829392+00'),
	('5bbc985f-49b5-44ca-9891-15e3679ce8c3', 'Ada', 'Example2', 'ada.2@example.com', NULL, NULL, '2026-11-30 20:40:45.874655+00'),
	('81cb19e2-9bf0-4348-a95e-7608194423c3', 'Ada', 'Example3', 'ada.3@example.com', NULL, NULL, '2026-11-30 20:40:45.901154+00'),
	('a00b517b-ef17-47d6-9250-2f86f27243ad', 'Ada', 'Example4', 'two@example.com', NULL, NULL, '2026-11-30 20:40:45.951003+00'),
	('cc9bc5db-3038-4251-944e-4746ecb1b1db', 'Ada', 'Example5', 'ada.5@example.com', NULL, NULL, '2026-11-30 20:40:45.981+00');

SELECT pg_catalog.setval('domiq_sync.attempt_id_seq', 17, true);

SELECT pg_catalog.setval('domiq_sync.capture_gap_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.capture_misses', 1, false);

SELECT pg_catalog.setval('domiq_sync.change_seq_seq', 12, true);

SELECT pg_catalog.setval('domiq_sync.closed_link_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.daily_total_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.domiq_status_map_id_seq', 12, true);

SELECT pg_catalog.setval('domiq_sync.erasure_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.lease_token', 9, true);

SELECT pg_catalog.setval('domiq_sync.link_decision_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.log_delta_id_seq', 28, true);

SELECT pg_catalog.setval('domiq_sync.log_move_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.pause_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.pull_id_seq', 8, true);

SELECT pg_catalog.setval('domiq_sync.resman_status_map_id_seq', 9, true);

SELECT pg_catalog.setval('domiq_sync.restored_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.threshold_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.total_misses', 1, false);

SELECT pg_catalog.setval('domiq_sync.turn_holder', 34, true);

SET session_replication_role = origin;

-- A made-up property in the middle of its work at revision 0028, after a few passes of the version of that time, beside
-- 0028_schema.sql: some rows in every table of domiq_sync. What it has of its own is there instead.

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
	('0028');

INSERT INTO domiq_sync.alert VALUES
	('48768f83-b223-4570-8e72-61552e9d1635', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'x', 'open', '{}', '{}', '2026-11-30 20:40:33.149297+00', '2026-03-02 12:00:00+00', NULL, 0, NULL, NULL, 0);

INSERT INTO domiq_sync.alert_complaint VALUES
	('28d191c5-84b3-46ec-9578-2e65d3d8991c', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.alert_turn VALUES
	('48768f83-b223-4570-8e72-61552e9d1635', 1, 'opened', '2026-03-02 12:00:00+00', 'x', 'x');

INSERT INTO domiq_sync.alert_watch VALUES
	(true, '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.announced_move VALUES
	('9988076f-d1d3-4984-9817-d89614e22f6d');

INSERT INTO domiq_sync.archived_conversation VALUES
	('52caba93-0d61-4027-84b7-359cbac97752', '52caba93-0d61-4027-84b7-359cbac97752');

INSERT INTO domiq_sync.attempt OVERRIDING SYSTEM VALUE VALUES
	(1, '93a34e72-155e-4778-a3b7-3282aec126c7', 1, 'vm:5614:40a2add0', 'tell', 'ok', '{"marker": "[DQ-93a34e72155e]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:30.812923+00:00", "event_type": "Contact", "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "customer_type": "prospect", "answer_event_ids": ["88123420-8138-541f-9e6f-d422a81b79e8"], "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:31.484879+00', 27),
	(2, 'bda1e3c0-a2a2-48e4-9fa7-f95452184dd9', 2, 'vm:5614:40a2add0', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:31.538154+00', 15),
	(3, 'bda1e3c0-a2a2-48e4-9fa7-f95452184dd9', 2, 'vm:5614:40a2add0', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:31.553665+00', 23),
	(4, 'bda1e3c0-a2a2-48e4-9fa7-f95452184dd9', 2, 'vm:5614:40a2add0', 'create', 'ok', '{"marker": "[DQ-bda1e3c0a2a2c]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:30.839147+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["4005eb01-c69f-54f6-93d8-d22be3338c30"], "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:31.586322+00', 29),
	(5, '25372707-b6a8-4eaa-a4b8-26830f1dac29', 3, 'vm:5614:40a2add0', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:31.565707+00', 27),
	(6, '25372707-b6a8-4eaa-a4b8-26830f1dac29', 3, 'vm:5614:40a2add0', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:31.592812+00', 36),
	(7, '25372707-b6a8-4eaa-a4b8-26830f1dac29', 3, 'vm:5614:40a2add0', 'create', 'ok', '{"marker": "[DQ-25372707b6a8c]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:30.864888+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["14072e7f-1b4c-5b83-9c2d-f30d3047beed"], "answer_prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:31.631577+00', 16),
	(8, '25372707-b6a8-4eaa-a4b8-26830f1dac29', 3, 'vm:5614:40a2add0', 'tell', 'ok', '{"marker": "[DQ-25372707b6a8]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:30.864888+00:00", "event_type": "Other", "prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "customer_type": "prospect", "answer_event_ids": ["ed1d18a8-f951-51f0-9e3a-7bd6ba7b9ced"], "answer_prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "transaction_source": "5ead6c5c-deee-5614-a092-8c95faabaaba"}', '2026-11-30 20:40:31.653091+00', 16),
	(9, '1f99068a-93e5-43f9-8744-893c7f725bf8', 4, 'vm:5614:40a2add0', 'search_by_email', 'ok', '{"found": 0}', '2026-11-30 20:40:31.66242+00', 23),
	(10, '1f99068a-93e5-43f9-8744-893c7f725bf8', 4, 'vm:5614:40a2add0', 'search_by_name', 'ok', '{"found": 0}', '2026-11-30 20:40:31.685791+00', 23),
	(11, '1f99068a-93e5-43f9-8744-893c7f725bf8', 4, 'vm:5614:40a2add0', 'create', 'ok', '{"marker": "[DQ-1f99068a93e5c]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:30.836316+00:00", "event_type": "Contact", "prospect_id": null, "customer_type": "prospect", "answer_event_ids": ["b14e5e17-ee56-51a4-809d-9bcfdbd445b5"], "answer_prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:31.71758+00', 11),
	(12, 'ff25671a-2934-4e03-a322-8d860eb7ec3b', 5, 'vm:5614:40a2add0', 'search_by_email', 'ok', '{"found": 2}', '2026-11-30 20:40:31.732487+00', 14),
	(13, 'e3f5e965-0a20-427a-9ea2-5172822b374a', 6, 'vm:5614:ede0b82d', 'tell', 'ok', '{"marker": "[DQ-e3f5e9650a20]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:32.039700+00:00", "event_type": "Other", "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "customer_type": "prospect", "answer_event_ids": ["47b6b2bd-e326-52c8-86b9-b6c93f46fd38"], "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:32.369161+00', 12),
	(14, 'c1b189b0-a69c-40d3-b37d-5369439b3ba0', 7, 'vm:5614:ede0b82d', 'tell', 'ok', '{"marker": "[DQ-c1b189b0a69c]", "agent_id": "1d6177b7-03db-5036-8e58-f6a5b60f08a3", "event_date": "2026-11-30T20:40:32.049197+00:00", "event_type": "Contact", "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "customer_type": "prospect", "answer_event_ids": ["96510855-c6e6-5b59-b60e-02f1f97d07d3"], "answer_prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "transaction_source": "a16efe8c-5c4c-5b2f-893c-a5fc43127b03"}', '2026-11-30 20:40:32.373228+00', 24),
	(15, 'ed055ee3-f6ff-4296-a4c3-75b713b4ce81', 8, 'vm:5614:1ec86ab7', 'read', 'ok', '{"answer_events": 3, "answer_status": "lost", "answer_prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6"}', '2026-11-30 20:40:32.814504+00', 20),
	(16, '5f2eeea1-4d75-4c14-a02d-3f873715c519', 9, 'vm:5614:1ec86ab7', 'read', 'ok', '{"answer_events": 1, "answer_status": "prospect", "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52"}', '2026-11-30 20:40:32.841605+00', 47),
	(17, '5f2eeea1-4d75-4c14-a02d-3f873715c519', 9, 'vm:5614:1ec86ab7', 'tell', 'ok', '{"marker": "[DQ-5f2eeea14d75]", "agent_id": "a2cf3d93-88ef-5c22-b730-a1607f920cfd", "event_date": "2026-11-30T20:40:32.429025+00:00", "event_type": "Cancel", "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "customer_type": "lost", "answer_event_ids": ["f3ff810b-f628-5470-8305-4aedff777e08"], "answer_prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "transaction_source": "de564bba-943c-57f5-9b24-3666317bfa3e"}', '2026-11-30 20:40:32.894559+00', 38);

INSERT INTO domiq_sync.capture_gap OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-11-30 20:40:33.196428+00', 1, 1, NULL);

INSERT INTO domiq_sync.change OVERRIDING SYSTEM VALUE VALUES
	('bda1e3c0-a2a2-48e4-9fa7-f95452184dd9', 3, 'd78d2af8-53e7-4c40-97ff-16302b282236', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', '2026-11-30 20:40:30.840211+00', NULL, NULL, 0, '2026-11-30 20:40:31.79468+00', '2026-11-30 20:40:31.363744+00', 'trigger', NULL),
	('25372707-b6a8-4eaa-a4b8-26830f1dac29', 5, '52caba93-0d61-4027-84b7-359cbac97752', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', '2026-11-30 20:40:30.865721+00', NULL, NULL, 0, '2026-11-30 20:40:31.794738+00', '2026-11-30 20:40:31.363796+00', 'trigger', NULL),
	('93a34e72-155e-4778-a3b7-3282aec126c7', 1, '6783e0f3-a545-4487-83ed-54446b6a6654', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:30.817715+00', NULL, NULL, 0, '2026-11-30 20:40:31.794746+00', '2026-11-30 20:40:31.384897+00', 'trigger', NULL),
	('1f99068a-93e5-43f9-8744-893c7f725bf8', 2, '74ed2961-03bd-492f-8e8e-775c032432f7', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:30.837396+00', NULL, NULL, 0, '2026-11-30 20:40:31.794752+00', '2026-11-30 20:40:31.384934+00', 'trigger', NULL),
	('ff25671a-2934-4e03-a322-8d860eb7ec3b', 4, '6aab8a13-9039-406f-a9f9-9df16730e856', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:30.857364+00', NULL, NULL, 0, '2026-11-30 20:40:31.794757+00', '2026-11-30 20:40:31.38494+00', 'trigger', NULL),
	('e3f5e965-0a20-427a-9ea2-5172822b374a', 6, '6783e0f3-a545-4487-83ed-54446b6a6654', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:32.045503+00', NULL, NULL, 0, '2026-11-30 20:40:32.41236+00', '2026-11-30 20:40:32.309011+00', 'trigger', NULL),
	('c1b189b0-a69c-40d3-b37d-5369439b3ba0', 7, '74ed2961-03bd-492f-8e8e-775c032432f7', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:32.050366+00', NULL, NULL, 0, '2026-11-30 20:40:32.412389+00', '2026-11-30 20:40:32.30906+00', 'trigger', NULL),
	('5f2eeea1-4d75-4c14-a02d-3f873715c519', 8, 'd78d2af8-53e7-4c40-97ff-16302b282236', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', '2026-11-30 20:40:32.430303+00', NULL, NULL, 0, '2026-11-30 20:40:33.013051+00', '2026-11-30 20:40:32.669375+00', 'trigger', NULL),
	('ed055ee3-f6ff-4296-a4c3-75b713b4ce81', 9, '6783e0f3-a545-4487-83ed-54446b6a6654', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:32.432559+00', NULL, NULL, 0, '2026-11-30 20:40:33.013095+00', '2026-11-30 20:40:32.672183+00', 'trigger', NULL),
	('5989f038-5f66-4c39-9861-6e0365a0e4e1', 10, '74ed2961-03bd-492f-8e8e-775c032432f7', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:33.081413+00', NULL, NULL, 0, NULL, NULL, 'trigger', NULL),
	('fc8d26ec-9cf3-4d08-aa72-8dc85d3f6c8a', 11, 'd78d2af8-53e7-4c40-97ff-16302b282236', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', '2026-11-30 20:40:33.088962+00', NULL, NULL, 0, NULL, NULL, 'trigger', NULL),
	('344c79d2-3000-425e-9859-5eec95af72ad', 12, NULL, NULL, '2026-11-30 20:40:33.090585+00', NULL, NULL, 0, NULL, NULL, 'application', NULL);

INSERT INTO domiq_sync.channel VALUES
	('email', 200, '-infinity', 0, NULL, NULL),
	('sms', 1000, '-infinity', 0, NULL, NULL),
	('slack', 1100, '-infinity', 0, NULL, NULL),
	('operator', 1000, '-infinity', 0, NULL, NULL),
	('in_app', 0, '-infinity', 0, NULL, NULL);

INSERT INTO domiq_sync.closed_link OVERRIDING SYSTEM VALUE VALUES
	(1, '52caba93-0d61-4027-84b7-359cbac97752', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'x', 'x', '2026-03-02 12:00:00+00', NULL, NULL, NULL, '2026-11-30 20:40:33.20212+00', 'x', NULL);

INSERT INTO domiq_sync.conflict VALUES
	('8cb38764-19b2-4447-93f4-9c072cb53d51', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '6783e0f3-a545-4487-83ed-54446b6a6654', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'tour_scheduled', 'Lost', '2026-11-30 20:40:32.606052+00', NULL, NULL, NULL);

INSERT INTO domiq_sync.daily_total OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-03-02', 'x', NULL, NULL, 1);

INSERT INTO domiq_sync.delivery VALUES
	('ed055ee3-f6ff-4296-a4c3-75b713b4ce81', 9, '6783e0f3-a545-4487-83ed-54446b6a6654', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', true, true, 'waiting', 0, 1, '2026-11-30 20:55:32.879963+00', NULL, NULL, 'conflict', '2026-11-30 20:40:32.432629+00', NULL, NULL, 0, NULL, NULL),
	('5989f038-5f66-4c39-9861-6e0365a0e4e1', 10, '74ed2961-03bd-492f-8e8e-775c032432f7', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', true, true, 'ready', 0, 0, '2026-11-30 20:40:33.081673+00', NULL, NULL, NULL, '2026-11-30 20:40:33.081674+00', NULL, NULL, 0, NULL, NULL),
	('fc8d26ec-9cf3-4d08-aa72-8dc85d3f6c8a', 11, 'd78d2af8-53e7-4c40-97ff-16302b282236', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', true, true, 'ready', 0, 0, '2026-11-30 20:40:33.089117+00', NULL, NULL, NULL, '2026-11-30 20:40:33.089117+00', NULL, NULL, 0, NULL, NULL);

INSERT INTO domiq_sync.divergence VALUES
	('52caba93-0d61-4027-84b7-359cbac97752', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:33.214153+00');

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
	(1, '2026-11-30 20:40:33.220743+00', 'x', 'person', 'x', 1, '{}');

INSERT INTO domiq_sync.installation VALUES
	('cde85696-9feb-4840-b856-6c4f20ceea19', 1);

INSERT INTO domiq_sync.integration VALUES
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '400', '490e0825-f667-548c-913b-350c4c5a4fb5', 'copper-ridge', true, 'both', 'resman_wins', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', '5ead6c5c-deee-5614-a092-8c95faabaaba', 'de564bba-943c-57f5-9b24-3666317bfa3e', 'America/Chicago', '2026-11-30 20:40:30.785471+00', NULL, 'local'),
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '400', '2c9d9573-30dc-577f-b541-280af4b7fe68', 'juniper-flats', true, 'both', 'manual_review', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', 'a16efe8c-5c4c-5b2f-893c-a5fc43127b03', 'de564bba-943c-57f5-9b24-3666317bfa3e', 'America/New_York', '2026-11-30 20:40:30.777269+00', NULL, 'local');

INSERT INTO domiq_sync.lead_link VALUES
	('52caba93-0d61-4027-84b7-359cbac97752', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', '33fdeac8-8292-5385-a606-f2ca6ee58755', '38c202d0-d960-56cd-9a71-25343ca96096', true, 'created', '2026-11-30 20:40:31.650487+00', 'leased', 'Prospect', '2026-11-30 20:40:31.681064+00'),
	('6783e0f3-a545-4487-83ed-54446b6a6654', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'a902bd14-6297-5f37-87a1-8a0f4f20dfc0', true, 'email', '2026-11-30 20:40:31.189073+00', 'qualified', 'Prospect', '2026-11-30 20:40:32.387668+00'),
	('74ed2961-03bd-492f-8e8e-775c032432f7', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '8df64665-0a4b-5908-966a-c449473ffebc', '4f3f1dd8-05e6-550f-b366-481a20547025', true, 'created', '2026-11-30 20:40:31.736557+00', 'contacted', 'Prospect', '2026-11-30 20:40:32.399508+00'),
	('d78d2af8-53e7-4c40-97ff-16302b282236', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', '7fbaff89-4be8-592a-bb4c-b48514b39941', true, 'created', '2026-11-30 20:40:31.622295+00', 'lost', 'Lost', '2026-11-30 20:40:32.94451+00');

INSERT INTO domiq_sync.link_decision OVERRIDING SYSTEM VALUE VALUES
	(1, '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '52caba93-0d61-4027-84b7-359cbac97752', NULL, 'x', 'same', 'x', '2026-11-30 20:40:33.226446+00');

INSERT INTO domiq_sync.link_question VALUES
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '11ab1a4d-85a9-545e-9045-4a358abf518d', 'several_prospects', 'several prospects look like one user', 2, '{11ab1a4d-85a9-545e-9045-4a358abf518d,82dabeac-4880-547c-b843-0d68e7b44c4d}', '{6aab8a13-9039-406f-a9f9-9df16730e856}', '2026-11-30 20:40:31.190083+00', NULL, NULL);

INSERT INTO domiq_sync.log_count VALUES
	(16579, 'chatbot', '17609:753 17610:753 17611:753 17612:753 17637:753 17638:753', 0, '2026-11-30 20:40:30.446834+00', 0, 0, '[]', NULL, NULL);

INSERT INTO domiq_sync.log_delta OVERRIDING SYSTEM VALUE VALUES
	(26, 16579, '74ed2961-03bd-492f-8e8e-775c032432f7', 'to_resman', 'pending', 1),
	(27, 16579, 'd78d2af8-53e7-4c40-97ff-16302b282236', 'to_resman', 'pending', 1),
	(28, 16579, NULL, 'to_resman', 'failed', 1);

INSERT INTO domiq_sync.log_move OVERRIDING SYSTEM VALUE VALUES
	(1, '52caba93-0d61-4027-84b7-359cbac97752', 'gone', 'c030da9d-affa-4a86-bfc1-24a6d07cc1a1', 'gone', '386227a3-5308-40a5-a089-984bfcad9214');

INSERT INTO domiq_sync.log_total VALUES
	(16579, 'chatbot', '7c028d1d-60fa-44bb-af4e-acf2606f54f5', 'to_resman', 'failed', 1),
	(16579, 'chatbot', '7c028d1d-60fa-44bb-af4e-acf2606f54f5', 'to_resman', 'success', 4),
	(16579, 'chatbot', '7c028d1d-60fa-44bb-af4e-acf2606f54f5', 'to_resman', 'pending', 1),
	(16579, 'chatbot', 'de59bdd2-bffe-4d40-b441-9ade6379223c', 'to_resman', 'success', 3);

INSERT INTO domiq_sync.missing_lead VALUES
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'x', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL);

INSERT INTO domiq_sync.notification VALUES
	('cedac7a3-fa19-4703-a171-f37cb7010cb7', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '93a34e72-155e-4778-a3b7-3282aec126c7', '7cf3b7ce-f8b1-4e00-9903-844c39b9c418', NULL, NULL, '45086d8ac766db7fde11b417c6ba4a9122157007bb9889519b8ed37791a86025', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:31.793295+00', NULL, NULL, '2026-11-30 20:40:31.793295+00', NULL, NULL, NULL, NULL),
	('28d191c5-84b3-46ec-9578-2e65d3d8991c', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '1f99068a-93e5-43f9-8744-893c7f725bf8', '7cf3b7ce-f8b1-4e00-9903-844c39b9c418', NULL, NULL, '4751337da4e6cab15c7e0fe7d94642fcabed95e6a7b206a769c101a4211d7081', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:31.793871+00', NULL, NULL, '2026-11-30 20:40:31.793871+00', NULL, NULL, NULL, NULL),
	('444695f4-cf2f-4a53-9e81-4177c2acc928', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'ff25671a-2934-4e03-a322-8d860eb7ec3b', '7cf3b7ce-f8b1-4e00-9903-844c39b9c418', NULL, NULL, '6a4ca302183a3646de41577f6cb81fbc0a53f233ce28d5c03f2828a5112778f3', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:31.793895+00', NULL, NULL, '2026-11-30 20:40:31.793895+00', NULL, NULL, NULL, NULL),
	('981699ff-82b5-4715-869f-e52dd9258eca', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'e3f5e965-0a20-427a-9ea2-5172822b374a', '7cf3b7ce-f8b1-4e00-9903-844c39b9c418', NULL, NULL, '14d219bc1f17bd8f5e164a1bdfdba524feda7601968d282e411d78af7225b7c7', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:32.411753+00', NULL, NULL, '2026-11-30 20:40:32.411753+00', NULL, NULL, NULL, NULL),
	('cfcfc7ad-788b-43b0-b060-389b91a581aa', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'c1b189b0-a69c-40d3-b37d-5369439b3ba0', '7cf3b7ce-f8b1-4e00-9903-844c39b9c418', NULL, NULL, '68c0211e55065bf85070b47e5fc5c2b9b7b3ac2e4b8096fdecb1027afe3d5a78', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:32.411843+00', NULL, NULL, '2026-11-30 20:40:32.411843+00', NULL, NULL, NULL, NULL),
	('ede013a5-0c9e-43e6-a2aa-cdf11f4aa62c', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'ed055ee3-f6ff-4296-a4c3-75b713b4ce81', '7cf3b7ce-f8b1-4e00-9903-844c39b9c418', NULL, NULL, '581ba399402962e15dacc092bcca414ee5afd9b2c8a1a82857d735739b258459', 'email', 'desk@example.com', NULL, false, false, NULL, '', '', 'pending', NULL, 0, '2026-11-30 20:40:33.009519+00', NULL, NULL, '2026-11-30 20:40:33.009519+00', NULL, NULL, NULL, NULL);

INSERT INTO domiq_sync.notification_settings VALUES
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', NULL, NULL, '{email,sms,slack}', true, 5, 15);

INSERT INTO domiq_sync.partition_mark VALUES
	('x', 'juniper-flats', 'x', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.pull OVERRIDING SYSTEM VALUE VALUES
	(1, '9c80a8a9-dcde-4663-8fae-26d67f3860fd', false, '2025-12-05 20:40:31.045192+00', 93600, '2026-11-30 20:40:31.046602+00', '2026-11-30 20:40:31.130603+00', 1, 125, 0, 125, 0, 0, 0, 0, 0, NULL, NULL),
	(2, '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', false, '2025-12-05 20:40:31.145118+00', 93600, '2026-11-30 20:40:31.145929+00', '2026-11-30 20:40:31.1997+00', 1, 128, 0, 128, 0, 1, 0, 0, 0, NULL, NULL),
	(3, '9c80a8a9-dcde-4663-8fae-26d67f3860fd', false, '2026-11-29 12:54:28.703227+00', 93600, '2026-11-30 20:40:31.83389+00', '2026-11-30 20:40:31.86375+00', 1, 6, 4, 2, 0, 0, 0, 0, 0, NULL, NULL),
	(4, '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', false, '2026-11-29 18:40:30.849904+00', 93600, '2026-11-30 20:40:31.877408+00', '2026-11-30 20:40:31.895196+00', 1, 7, 5, 2, 0, 0, 0, 0, 0, NULL, NULL),
	(5, '9c80a8a9-dcde-4663-8fae-26d67f3860fd', false, '2026-11-29 18:40:31.664344+00', 93600, '2026-11-30 20:40:32.076915+00', '2026-11-30 20:40:32.109374+00', 1, 4, 4, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(6, '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', false, '2026-11-29 18:40:31.726138+00', 93600, '2026-11-30 20:40:32.121106+00', '2026-11-30 20:40:32.154225+00', 1, 7, 7, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(7, '9c80a8a9-dcde-4663-8fae-26d67f3860fd', false, '2026-11-29 18:40:31.664344+00', 93600, '2026-11-30 20:40:32.462014+00', '2026-11-30 20:40:32.503477+00', 1, 4, 4, 0, 0, 0, 0, 0, 0, NULL, NULL),
	(8, '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', false, '2026-11-29 18:40:31.726138+00', 93600, '2026-11-30 20:40:32.506709+00', '2026-11-30 20:40:32.564229+00', 1, 7, 5, 2, 0, 0, 0, 0, 0, NULL, NULL);

INSERT INTO domiq_sync.pull_claim VALUES
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', NULL, NULL, 0, NULL, 0, NULL, 1, NULL);

INSERT INTO domiq_sync.pull_pace VALUES
	('x', '-infinity');

INSERT INTO domiq_sync.request_count VALUES
	('2026-03-02', 'x', 'x', 'v1', 1);

INSERT INTO domiq_sync.resman_lead VALUES
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '01f77b22-3311-53b7-bf91-afaded2cab06', '92fde52d-6280-5602-9240-6e6169b38143', 'Prospect', 'Prospect', '2026-11-01 05:14:50.417874+00', '2026-11-01T05:14:50.417874Z', NULL, '9f555ad0-68d9-5c83-9cb3-68b34a8d69db', '6fc7a838-4cee-5eec-9d95-84f698f9f557', NULL, 'fd2ead95bfbc6b8f2ad50f80f0e84c7a', '2026-11-30 20:40:31.118642+00', '2026-11-30 20:40:31.046602+00', NULL, NULL),
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '00bcd97e-d5e1-5b91-80fb-ecfd8edf7840', '78d9701c-c523-525b-a484-bc57cc756f67', 'Lost', 'Lost', '2026-11-29 17:51:24.504964+00', '2026-11-29T17:51:24.504964Z', 'Location', '6c0782e8-70a3-53c6-be9a-0847ce549306', '4a8d4b20-ecbb-5281-989f-b9ef9bb6d66f', NULL, 'db843af248b01b911968fd15bc73796c', '2026-11-30 20:40:31.118642+00', '2026-11-30 20:40:31.046602+00', NULL, NULL),
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'a902bd14-6297-5f37-87a1-8a0f4f20dfc0', 'Lost', 'Lost', '2026-11-30 20:40:32.437787+00', '2026-11-30T20:40:32.437787Z', 'Inactive (Lack of Response)', '00eeca7f-47db-52d5-9d5b-2b0c3d0facc5', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', NULL, '85d41ecbdcc39a440db3932db2a54f35', '2026-11-30 20:40:32.540791+00', '2026-11-30 20:40:32.506709+00', '2026-11-30 20:40:32.84405+00', NULL),
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', '7fbaff89-4be8-592a-bb4c-b48514b39941', 'Lost', 'Lost', '2026-11-30 20:40:31.605528+00', '2026-11-30T20:40:31.605528Z', NULL, '5ead6c5c-deee-5614-a092-8c95faabaaba', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', NULL, '70892178e54f6b0a142256a08ff693eb', '2026-11-30 20:40:31.856129+00', '2026-11-30 20:40:31.83389+00', '2026-11-30 20:40:32.942065+00', '2026-11-30 20:40:32.942065+00'),
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '33fdeac8-8292-5385-a606-f2ca6ee58755', '38c202d0-d960-56cd-9a71-25343ca96096', 'Prospect', 'Prospect', '2026-11-30 20:40:31.664344+00', '2026-11-30T20:40:31.664344Z', NULL, '5ead6c5c-deee-5614-a092-8c95faabaaba', 'a2cf3d93-88ef-5c22-b730-a1607f920cfd', NULL, '84c44db9518b364853ae4369bf5a44e2', '2026-11-30 20:40:31.856102+00', '2026-11-30 20:40:31.83389+00', '2026-11-30 20:40:31.678421+00', '2026-11-30 20:40:31.652029+00'),
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '8df64665-0a4b-5908-966a-c449473ffebc', '4f3f1dd8-05e6-550f-b366-481a20547025', 'Prospect', 'Prospect', '2026-11-30 20:40:32.395443+00', '2026-11-30T20:40:32.395443Z', NULL, 'a16efe8c-5c4c-5b2f-893c-a5fc43127b03', '1d6177b7-03db-5036-8e58-f6a5b60f08a3', NULL, 'c5d84cfcc55143634a172e22b884e2cd', '2026-11-30 20:40:32.540831+00', '2026-11-30 20:40:32.506709+00', '2026-11-30 20:40:32.399102+00', '2026-11-30 20:40:31.729682+00');

INSERT INTO domiq_sync.resman_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted', 1),
	(NULL, 'Applicant', '{application}', 'application', 2),
	(NULL, 'Resident', '{leased}', 'leased', 3),
	(NULL, 'Lost', '{lost}', 'lost', 4),
	(NULL, 'Applicant/LeaseSigned', '{leased}', 'leased', 5),
	(NULL, 'Applicant/MovedIn', '{leased}', 'leased', 6),
	(NULL, 'Applicant/Denied', '{application,lost}', 'application', 7),
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'Applicant/Denied', '{lost}', 'lost', 9);

INSERT INTO domiq_sync.restored OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-11-30 20:40:33.286939+00', NULL, 'x');

INSERT INTO domiq_sync.rule_not_held VALUES
	('1f99068a-93e5-43f9-8744-893c7f725bf8', '{}', '{}', '{}');

INSERT INTO domiq_sync.rule_run VALUES
	('ff25671a-2934-4e03-a322-8d860eb7ec3b', '12d52320-e1f8-4dff-b663-399ad2287675', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'invalid', 'action 1 (update_lead_score): unknown setting ''score''', '{}', '2026-11-30 20:40:31.383704+00'),
	('e3f5e965-0a20-427a-9ea2-5172822b374a', '12d52320-e1f8-4dff-b663-399ad2287675', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'invalid', 'action 1 (update_lead_score): unknown setting ''score''', '{}', '2026-11-30 20:40:32.30594+00');

INSERT INTO domiq_sync.sleeper VALUES
	('x', '2026-03-02 12:00:00+00');

INSERT INTO domiq_sync.status_sync_log_archive_2026_03 VALUES
	('29f52081-37b9-4a10-b412-51e614714235', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-03-05 12:00:00+00', 1, NULL, '2026-03-02 12:00:00+00', '{}', '{}', '2026-11-30 20:40:33.301836+00');

INSERT INTO domiq_sync.task VALUES
	('23397335-c822-4205-8343-e0ef4048c7d3', 'follow_up', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '52caba93-0d61-4027-84b7-359cbac97752', '6992f606-eaab-45d8-b787-750a945c1f96', '550b78b8-0cb9-4cad-b051-6509c495dbc6', 1, 'x', NULL, NULL, 'low', NULL, NULL, 'open', NULL, '2026-11-30 20:40:33.305666+00');

INSERT INTO domiq_sync.threshold OVERRIDING SYSTEM VALUE VALUES
	(1, '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-30 20:40:33.318933+00');

INSERT INTO domiq_sync.trouble VALUES
	('prospect', 'x', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'x', '2026-11-30 20:40:33.329819+00', '2026-11-30 20:40:33.329819+00', 1);

INSERT INTO domiq_sync.watermark VALUES
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '2026-11-30 20:40:31.664344+00', '2025-12-05 20:40:31.045192+00', '2026-11-30 20:40:32.462014+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0),
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', '2026-11-30 20:40:32.437787+00', '2025-12-05 20:40:31.145118+00', '2026-11-30 20:40:32.506709+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0);

INSERT INTO domiq_sync.whole_sweep VALUES
	(true, '2026-11-30 20:40:32.613001+00');

INSERT INTO domiq_sync.worker VALUES
	('x', 'push', NULL, '2026-11-30 20:40:33.339456+00', '2026-11-30 20:40:33.339456+00', NULL);

INSERT INTO public.chatbot VALUES
	('7c028d1d-60fa-44bb-af4e-acf2606f54f5', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'bot'),
	('de59bdd2-bffe-4d40-b441-9ade6379223c', '9c80a8a9-dcde-4663-8fae-26d67f3860fd', 'bot');

INSERT INTO public.company VALUES
	('e295fd9a-ad00-4196-b5c4-41730c3d6f01', 'Company 0', '2026-11-30 20:40:30.7634+00'),
	('17098949-cb8e-4436-975d-6b9e1da92e74', 'Company 1', '2026-11-30 20:40:30.783783+00');

INSERT INTO public.conversation VALUES
	('6aab8a13-9039-406f-a9f9-9df16730e856', '7c028d1d-60fa-44bb-af4e-acf2606f54f5', 'a95a6507-3253-4347-9a64-da1ccf9dc584', '2026-11-30 20:40:30.854275+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'qualified', NULL, '2026-11-30 20:40:30.854275+00', '2026-11-30 20:40:30.854275+00'),
	('52caba93-0d61-4027-84b7-359cbac97752', 'de59bdd2-bffe-4d40-b441-9ade6379223c', '8a89a32a-71cd-4232-84f0-f4ce34d5ef6e', '2026-11-30 20:40:30.864888+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'leased', NULL, '2026-11-30 20:40:30.864888+00', '2026-11-30 20:40:30.864888+00'),
	('6783e0f3-a545-4487-83ed-54446b6a6654', '7c028d1d-60fa-44bb-af4e-acf2606f54f5', '0f590b57-0642-47cc-835a-e3e8f85421ad', '2026-11-30 20:40:30.812923+00', NULL, false, false, NULL, '2027-02-03 15:00:00', NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'tour_scheduled', NULL, '2026-11-30 20:40:30.812923+00', '2026-11-30 20:40:32.431194+00'),
	('74ed2961-03bd-492f-8e8e-775c032432f7', '7c028d1d-60fa-44bb-af4e-acf2606f54f5', '869d1a16-167c-4ab3-9daa-c596c1b47eb5', '2026-11-30 20:40:30.836316+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'qualified', NULL, '2026-11-30 20:40:30.836316+00', '2026-11-30 20:40:33.073863+00'),
	('d78d2af8-53e7-4c40-97ff-16302b282236', 'de59bdd2-bffe-4d40-b441-9ade6379223c', 'd2acd384-6ee0-4f7b-97c5-136e46572359', '2026-11-30 20:40:30.839147+00', NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'contacted', NULL, '2026-11-30 20:40:30.839147+00', '2026-11-30 20:40:33.087315+00');

INSERT INTO public.property VALUES
	('417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'e295fd9a-ad00-4196-b5c4-41730c3d6f01', 'Juniper Flats', '1 Main', 'X', 'TX', '1', NULL, NULL, NULL, '2026-11-30 20:40:30.7634+00', '2026-11-30 20:40:30.7634+00'),
	('9c80a8a9-dcde-4663-8fae-26d67f3860fd', '17098949-cb8e-4436-975d-6b9e1da92e74', 'Copper Ridge', '1 Main', 'X', 'TX', '1', NULL, NULL, NULL, '2026-11-30 20:40:30.783783+00', '2026-11-30 20:40:30.783783+00');

INSERT INTO public.status_notification_preferences VALUES
	('7cf3b7ce-f8b1-4e00-9903-844c39b9c418', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'any', 'email', '["desk@example.com"]', NULL, true, '2026-11-30 20:40:30.790351+00');

INSERT INTO public.status_sync_log VALUES
	('93a34e72-155e-4778-a3b7-3282aec126c7', '6783e0f3-a545-4487-83ed-54446b6a6654', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', NULL, 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-93a34e72155e]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["88123420-8138-541f-9e6f-d422a81b79e8"], "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "resman_status": "Prospect"}}', '2026-11-30 20:40:30.812923+00'),
	('bda1e3c0-a2a2-48e4-9fa7-f95452184dd9', 'd78d2af8-53e7-4c40-97ff-16302b282236', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', NULL, 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-bda1e3c0a2a2c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["4005eb01-c69f-54f6-93d8-d22be3338c30"], "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "resman_status": "Prospect"}}', '2026-11-30 20:40:30.839147+00'),
	('25372707-b6a8-4eaa-a4b8-26830f1dac29', '52caba93-0d61-4027-84b7-359cbac97752', '33fdeac8-8292-5385-a606-f2ca6ee58755', NULL, 'leased', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-25372707b6a8]", "reason": "Contact, Other at ResMan", "outcome": "sent", "event_ids": ["14072e7f-1b4c-5b83-9c2d-f30d3047beed", "ed1d18a8-f951-51f0-9e3a-7bd6ba7b9ced"], "prospect_id": "33fdeac8-8292-5385-a606-f2ca6ee58755", "resman_status": "Prospect"}}', '2026-11-30 20:40:30.864888+00'),
	('1f99068a-93e5-43f9-8744-893c7f725bf8', '74ed2961-03bd-492f-8e8e-775c032432f7', '8df64665-0a4b-5908-966a-c449473ffebc', NULL, 'new', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-1f99068a93e5c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["b14e5e17-ee56-51a4-809d-9bcfdbd445b5"], "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "resman_status": "Prospect"}}', '2026-11-30 20:40:30.836316+00'),
	('ff25671a-2934-4e03-a322-8d860eb7ec3b', '6aab8a13-9039-406f-a9f9-9df16730e856', NULL, NULL, 'qualified', NULL, 'chatbot', 'to_resman', 'failed', '{"sync": {"reason": "2 leads at ResMan have this email: merge them there, or say which it is with domiq-sync conflicts; then run domiq-sync retry", "outcome": "ambiguous_lead"}}', '2026-11-30 20:40:30.854275+00'),
	('e3f5e965-0a20-427a-9ea2-5172822b374a', '6783e0f3-a545-4487-83ed-54446b6a6654', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'contacted', 'qualified', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-e3f5e9650a20]", "reason": "Other at ResMan", "outcome": "sent", "event_ids": ["47b6b2bd-e326-52c8-86b9-b6c93f46fd38"], "prospect_id": "04ac8d69-d2cc-592a-b80a-022c0f09b8c6", "resman_status": "Prospect"}}', '2026-11-30 20:40:32.0397+00'),
	('c1b189b0-a69c-40d3-b37d-5369439b3ba0', '74ed2961-03bd-492f-8e8e-775c032432f7', '8df64665-0a4b-5908-966a-c449473ffebc', 'new', 'contacted', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-c1b189b0a69c]", "reason": "Contact at ResMan", "outcome": "sent", "event_ids": ["96510855-c6e6-5b59-b60e-02f1f97d07d3"], "prospect_id": "8df64665-0a4b-5908-966a-c449473ffebc", "resman_status": "Prospect"}}', '2026-11-30 20:40:32.049197+00'),
	('ed055ee3-f6ff-4296-a4c3-75b713b4ce81', '6783e0f3-a545-4487-83ed-54446b6a6654', '04ac8d69-d2cc-592a-b80a-022c0f09b8c6', 'qualified', 'tour_scheduled', NULL, 'chatbot', 'to_resman', 'pending', '{"tour": {"is": "2027-02-03T15:00:00"}}', '2026-11-30 20:40:32.431194+00'),
	('5f2eeea1-4d75-4c14-a02d-3f873715c519', 'd78d2af8-53e7-4c40-97ff-16302b282236', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', 'contacted', 'lost', NULL, 'chatbot', 'to_resman', 'success', '{"sync": {"marker": "[DQ-5f2eeea14d75]", "reason": "Cancel at ResMan", "outcome": "sent", "event_ids": ["f3ff810b-f628-5470-8305-4aedff777e08"], "prospect_id": "6d35394a-54c7-5844-bf26-8c7ee41a9a52", "resman_status": "Lost"}}', '2026-11-30 20:40:32.429025+00'),
	('5989f038-5f66-4c39-9861-6e0365a0e4e1', '74ed2961-03bd-492f-8e8e-775c032432f7', '8df64665-0a4b-5908-966a-c449473ffebc', 'contacted', 'qualified', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:33.073863+00'),
	('fc8d26ec-9cf3-4d08-aa72-8dc85d3f6c8a', 'd78d2af8-53e7-4c40-97ff-16302b282236', '6d35394a-54c7-5844-bf26-8c7ee41a9a52', 'lost', 'contacted', NULL, 'chatbot', 'to_resman', 'pending', NULL, '2026-11-30 20:40:33.087315+00'),
	('344c79d2-3000-425e-9859-5eec95af72ad', NULL, NULL, NULL, 'new', NULL, NULL, 'to_resman', 'failed', NULL, '2026-11-30 20:40:33.090079+00');

INSERT INTO public.status_workflow_rules VALUES
	('12d52320-e1f8-4dff-b663-399ad2287675', '417aa49b-0cd1-40fb-8e69-13de4ccb4cef', 'qualified', NULL, '{}', '[{"type": "update_lead_score", "config": {"score": 80}}]', true, '2026-11-30 20:40:30.794186+00');

INSERT INTO public."user" VALUES
	('0f590b57-0642-47cc-835a-e3e8f85421ad', 'Ada', 'Example1', 'linked@example.com', NULL, NULL, '2026-11-30 20:40:30.803397+00'),
	('869d1a16-167c-4ab3-9daa-c596c1b47eb5', 'Ada', 'Example2', 'ada.2@example.com', NULL, NULL, '2026-11-30 20:40:30.829293+00'),
	('d2acd384-6ee0-4f7b-97c5-136e46572359', 'Ada', 'Example3', 'ada.3@example.com', NULL, NULL, '2026-11-30 20:40:30.838573+00'),
	('a95a6507-3253-4347-9a64-da1ccf9dc584', 'Ada', 'Example4', 'two@example.com', NULL, NULL, '2026-11-30 20:40:30.853188+00'),
	('8a89a32a-71cd-4232-84f0-f4ce34d5ef6e', 'Ada', 'Example5', 'ada.5@example.com', NULL, NULL, '2026-11-30 20:40:30.858484+00');

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

SELECT pg_catalog.setval('domiq_sync.pull_id_seq', 8, true);

SELECT pg_catalog.setval('domiq_sync.resman_status_map_id_seq', 9, true);

SELECT pg_catalog.setval('domiq_sync.restored_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.threshold_id_seq', 1, true);

SELECT pg_catalog.setval('domiq_sync.total_misses', 1, false);

SELECT pg_catalog.setval('domiq_sync.turn_holder', 34, true);

SET session_replication_role = origin;

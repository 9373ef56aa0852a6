-- Rows in every table of schema 1, sealed and hashed with a key file of 32 octets 0x20. Never changed.

CREATE TABLE "_sqlite_migrations" ("id" INTEGER PRIMARY KEY, "migration_set" TEXT, "name" TEXT, "applied_at" TEXT);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
INSERT INTO "_sqlite_migrations" VALUES (1, 'simwire', '0001_initial', '2026-01-01 00:00:00+00:00');
INSERT INTO meta (name, value)
    VALUES ('boot_id', 'boot-1');
INSERT INTO meta (name, value)
    VALUES ('boot_number', '1');
INSERT INTO meta (name, value)
    VALUES ('boot_trusted', '1');
INSERT INTO meta (name, value)
    VALUES ('key', '02127821a15285e3');
INSERT INTO challenges (id, client, recipient, purpose, state, reason, code_hash, failures, max_failures, sends, message_id, client_ref, details, created_at, sent_at, sent_boot, expires_at, expires_boot, accepted_boot, closed_at)
    VALUES ('019b76da-a800-7ea7-b773-d2db0363e01d', 'shop', '+447700900101', 'login', 'pending', NULL, X'68617368', 1, 3, 1, '019b76da-a800-7fb7-ad50-0ab2fc2153c3', NULL, X'468211FAC028485FAB12B95615B3C0D6235187A2E8AB1DE25C6C72546A0D', 1767225600000, 1767225600000, 1000000, 1767225900000, 1300000, 1, NULL);
INSERT INTO challenges (id, client, recipient, purpose, state, reason, code_hash, failures, max_failures, sends, message_id, client_ref, details, created_at, sent_at, sent_boot, expires_at, expires_boot, accepted_boot, closed_at)
    VALUES ('019b76da-a800-70c2-8175-24ec0cb696da', 'shop', '+447700900101', 'pay', 'approved', NULL, X'68617368', 0, 3, 1, '019b76da-a800-77b8-b417-dc336f8cefc9', NULL, X'A7FE75CC91FC356B5A2AB5B07CC6BA27728B6BAD827184AC6D3A5B20D0CF', 1767225600000, 1767225600000, 1000000, 1767225900000, 1300000, 1, 1767225600000);
INSERT INTO messages (seq, id, client, recipient, country, lane, state, reason, final, parts, encoding, body, report, replace_type, flash, silent, on_unknown, home, wanted, modem, attempts, withdrawn, challenge_id, client_ref, tags, warnings, created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot, sent_at, sent_boot, delivered_at)
    VALUES (1, '019b76da-a800-7aab-84e0-a832315b9df4', 'shop', '+447700900101', 'GB', 2, 'delivered', NULL, 1, 1, 'gsm7', X'3D55CD74CC86DBDD5C70DC934D1CBE736B164AA1ACE81EDFE9B5AC80788C898C9781732AA111E45D62A9EAE344A70008FB26D1', 1, NULL, 0, 0, 'hold', 'route:', NULL, 'one', 1, NULL, NULL, 'order 1', '["spring"]', '[]', 1767225600000, NULL, 1767229200000, 4600000, 0, 4660000, 1, 1767225600000, 1000000, 1767225600000);
INSERT INTO messages (seq, id, client, recipient, country, lane, state, reason, final, parts, encoding, body, report, replace_type, flash, silent, on_unknown, home, wanted, modem, attempts, withdrawn, challenge_id, client_ref, tags, warnings, created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot, sent_at, sent_boot, delivered_at)
    VALUES (2, '019b76da-a800-7083-8e35-54bbea187b8f', 'shop', '+447700900101', 'GB', 2, 'unknown', 'unknown_outcome', 1, 2, 'gsm7', X'DD5869EEFF703F675CACDC6D94B78B77C708E0D4FB349FE633127C7139B7A96CA6D8FF7ABADAE20B7AE16EB317C5FE4292FF97F904E51399AE7D4106CC546A48', 1, NULL, 0, 0, 'hold', 'route:', NULL, 'one', 2, NULL, NULL, NULL, '[]', '[]', 1767225600000, NULL, 1767229200000, 4600000, 0, 4600000, 1, NULL, NULL, NULL);
INSERT INTO messages (seq, id, client, recipient, country, lane, state, reason, final, parts, encoding, body, report, replace_type, flash, silent, on_unknown, home, wanted, modem, attempts, withdrawn, challenge_id, client_ref, tags, warnings, created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot, sent_at, sent_boot, delivered_at)
    VALUES (3, '019b76da-a800-76fb-b219-38b5703bec8a', 'shop', '+447700900101', 'GB', 2, 'queued', NULL, 0, 1, 'gsm7', X'C9B20DF116F31340F7D180F244B4A46C777996588F6D0637CD50D557F3BC4B5F7CF622F77B70099B7397CA095D742B9EEE7F6B', 1, NULL, 0, 0, 'hold', 'route:', NULL, 'one', 1, NULL, NULL, NULL, '[]', '[]', 1767225600000, NULL, 1767229200000, 4600000, 0, 4600000, 1, NULL, NULL, NULL);
INSERT INTO messages (seq, id, client, recipient, country, lane, state, reason, final, parts, encoding, body, report, replace_type, flash, silent, on_unknown, home, wanted, modem, attempts, withdrawn, challenge_id, client_ref, tags, warnings, created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot, sent_at, sent_boot, delivered_at)
    VALUES (4, '019b76da-a800-7fb7-ad50-0ab2fc2153c3', 'shop', '+447700900101', 'GB', 0, 'sending', NULL, 0, 1, 'gsm7', X'208AA57FBA030F2B114290793744108B81F9D96AAA50A96D8908AC8725830400CE169AE440A5F48C0B0E28458E2C125C85D6BA', 1, NULL, 0, 0, 'resend', 'route:', NULL, 'one', 1, NULL, '019b76da-a800-7ea7-b773-d2db0363e01d', NULL, '[]', '[]', 1767225600000, NULL, 1767225900000, 1300000, 30000, 1270000, 1, NULL, NULL, NULL);
INSERT INTO messages (seq, id, client, recipient, country, lane, state, reason, final, parts, encoding, body, report, replace_type, flash, silent, on_unknown, home, wanted, modem, attempts, withdrawn, challenge_id, client_ref, tags, warnings, created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot, sent_at, sent_boot, delivered_at)
    VALUES (5, '019b76da-a800-77b8-b417-dc336f8cefc9', 'shop', '+447700900101', 'GB', 0, 'cancelled', 'challenge_closed', 1, 1, 'gsm7', NULL, 1, NULL, 0, 0, 'resend', 'route:', NULL, NULL, 0, 'challenge_closed', '019b76da-a800-70c2-8175-24ec0cb696da', NULL, '[]', '[]', 1767225600000, NULL, 1767225900000, 1300000, 30000, 1270000, 1, NULL, NULL, NULL);
INSERT INTO messages (seq, id, client, recipient, country, lane, state, reason, final, parts, encoding, body, report, replace_type, flash, silent, on_unknown, home, wanted, modem, attempts, withdrawn, challenge_id, client_ref, tags, warnings, created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot, sent_at, sent_boot, delivered_at)
    VALUES (6, '019b76da-a800-7074-8ab3-4fca6967ead6', 'shop', '+447700900101', 'GB', 2, 'delivered', NULL, 1, 1, 'gsm7', X'A4F841D20CE921EF78B60B4E32B3045AC5D016F6D49B1FEB8B30DADFC7EA37561D5067EA67A9D51F40274ACC26DB4EE14678EC0716E98E180B', 1, NULL, 0, 0, 'hold', 'catch', NULL, 'catch', 0, NULL, NULL, NULL, '[]', '[]', 1767225600000, NULL, 1767229200000, 4600000, 0, 4600000, 1, 1767225600000, NULL, 1767225600000);
INSERT INTO message_tags (tag, message)
    VALUES ('spring', 1);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (1, 1, 1, 0, 1, 0, 0, 'first', 2, 257, 'delivered', 'route:', NULL, NULL, NULL, 7, '', 1, '00900101', 'one', '00101one', 1, 1767225600000, 1767225600000, 1000000, 1767225600000, '+CMGS: 1', NULL, 0, 1767225600000);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (2, 2, 1, 0, 1, 0, 0, 'first', 2, 513, 'accepted', 'route:', NULL, NULL, NULL, 7, '', 1, '00900101', 'one', '00101one', 2, 1767225600000, 1767225600000, 1000000, 1767225600000, '+CMGS: 2', NULL, NULL, NULL);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (3, 2, 2, 0, 1, 0, 0, 'first', 2, 514, 'unknown', 'sim:00101one', NULL, NULL, NULL, 7, '', 1, '00900101', 'one', '00101one', NULL, 1767225600000, 1767225600000, 1000000, 1767225600000, 'no answer within 180 s', NULL, NULL, NULL);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (4, 3, 1, 0, 1, 0, 0, 'first', 2, 769, 'refused', 'route:', NULL, NULL, NULL, 7, '', 1, '00900101', 'one', '00101one', NULL, 1767225600000, 1767225600000, 1000000, 1767225600000, '+CMS ERROR: 42 (congestion)', 42, NULL, NULL);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (5, 3, 1, 0, 2, 0, 0, 'retry', 2, 769, 'waiting', 'route:', NULL, 1005000, 1767225605000, 7, '', 1, '00900101', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (6, 4, 1, 0, 1, 0, 0, 'first', 0, 1025, 'submitting', 'route:', NULL, NULL, NULL, 7, '', 1, '00900101', 'one', '00101one', NULL, 1767225600000, 1767225600000, 1000000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO attempts (id, message, part, generation, number, step, hopped, kind, lane, position, state, queue, avoid, due_boot, due_at, concat_reference, without, report, recipient_tail, modem, imsi, mr, claimed_at, submitted_at, submitted_boot, result_at, result, code, report_status, reported_at)
    VALUES (7, 5, 1, 0, 1, 0, 0, 'first', 0, 1281, 'withdrawn', 'route:', NULL, NULL, NULL, 7, '', 1, '00900101', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (1, 1, 1767225600000, 'queued', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (2, 2, 1767225600000, 'queued', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (3, 1, 1767225600000, 'sending', NULL, 'one', 1, 1, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (4, 1, 1767225600000, 'sent', NULL, 'one', 1, 1, '+CMGS: 1', 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (5, 2, 1767225600000, 'sending', NULL, 'one', 2, 1, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (6, 2, 1767225600000, 'sending', NULL, 'one', 2, 1, '+CMGS: 2', 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (7, 3, 1767225600000, 'queued', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (8, 1, 1767225600000, 'delivered', NULL, 'one', 1, 1, 'delivered (TP-ST 0x00)', 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (9, 2, 1767225600000, 'unknown', 'unknown_outcome', 'one', 3, 2, 'outcome unknown: no answer within 180 s', 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (10, 3, 1767225600000, 'sending', NULL, 'one', 4, 1, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (11, 3, 1767225600000, 'queued', NULL, 'one', 4, 1, '+CMS ERROR: 42 (congestion)', 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (12, 4, 1767225600000, 'queued', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (13, 5, 1767225600000, 'queued', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (14, 5, 1767225600000, 'cancelled', 'challenge_closed', NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (15, 4, 1767225600000, 'sending', NULL, 'one', 6, 1, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (16, 6, 1767225600000, 'queued', NULL, NULL, NULL, NULL, NULL, 0);
INSERT INTO timeline (id, message, at, state, reason, modem, attempt, part, result, duplicate)
    VALUES (17, 6, 1767225600000, 'delivered', NULL, 'catch', NULL, NULL, NULL, 0);
INSERT INTO reports (id, digest, imsi, mr, recipient_tail, status, service_centre_at, discharged_at, received_at, outcome, attempt, raw)
    VALUES (1, X'F92A64CC4FAA3A777FF1323302CFF59D75D5B13E61AE500CA7734F68C313D354', '00101one', 1, '00900101', 0, 1767225600000, NULL, 1767225600000, 'matched', 1, X'6BBE360049CCB1DC57CD93D7702186E02FC5705809DDACC62D949A093792F116000E6D42');
INSERT INTO reports (id, digest, imsi, mr, recipient_tail, status, service_centre_at, discharged_at, received_at, outcome, attempt, raw)
    VALUES (2, X'2ACE11BCC7F3D19DD50114DD29CFCB8C56CD9F8956C13756CE1368CD37D9DB3F', '00101one', 99, '00900101', 0, 1767225600000, NULL, 1767225600000, 'ambiguous', NULL, X'CDD5C27CE09EE421B9C1C9388077ED339D3D17DAC97E5A1A2B87A7DFDDA2D73DB81D042108');
INSERT INTO sims (imsi, offset_ms, last_report_at, silent)
    VALUES ('00101one', 0, 1767225600000, 0);
INSERT INTO inbox (seq, id, sender, body, parts, missing, readable, modem, imsi, sent_at, received_at)
    VALUES (1, '019b76da-a800-710d-b53d-063347770951', '+447700900150', X'244412B8C3C33DD1C39B031BAB9B68A7A2CA7060F1DACD8C0948BB25F516A8E28BFD6F45FC663DE9E6F0CE99B319CBAFC958964805B28977ACBBDB21CC2D603A1E20D4DEFE28AB8BE5C9', 1, 0, 1, 'one', '00101one', 1767225600000, 1767225600000);
INSERT INTO inbox_parts (id, digest, message, joins, content, sequence, total, body, modem, imsi, received_at)
    VALUES (1, X'0C214F1DBFA9F09F7932EB6C6F392E7EC7785C91B7996BA4A40838CAC62C1464', '019b76da-a800-710d-b53d-063347770951', NULL, X'5462A307208AF32D8315D08A48717355DE7243D3EB1A64182433E87D6842C9DA', 1, 1, X'A034B84916D7A25FE39DF50A7E0B6FF63F7D1DDAE90D24502D33C7AEEB4272B45A33E4FC1A0433BBF5D02A91C2C18FE5DF7232E0BDBF78D6D46C613D5ACB2D43AF6AA561853B4452748F51FA4A40D255760D52C013F85BFD', 'one', '00101one', 1767225600000);
INSERT INTO inbox_parts (id, digest, message, joins, content, sequence, total, body, modem, imsi, received_at)
    VALUES (2, X'D6E8E3360E82D6CC9D0752080F1A0DD2F4DD79DE564A9E7B655B42AB9B36466F', NULL, X'06E7FBE7F0125EE9625AD7D72A280213E00203BC2CC566D991F8C9F47272F614', X'C8B9B9F3F1CA7BBC2BA1B8FD92B36C265175E8AF37C442009566C69767171DE1', 1, 2, X'F4A09B9340337B8EC0A7EC59C37B8A9B81FB9B8D9D7754128259E0FE76978FBAFAFAC358C80C8ED76E231EF35BF541FED65E4F363862716EDD118B43F077B9C0BE77734A39DE6AE671F4288A532BAB8B30F89AF2CFA92843363534B6AAC49FBA', 'one', '00101one', 1767225600000);
INSERT INTO keys (id, client, name, hash, scopes, created_at, last_used_at, revoked_at)
    VALUES ('019b76da-a800-7613-b5cb-626669d97791', 'bank', 'bank', X'69237B31FAA8CCD63E48D2A69E980A45FA952667D416DE43BA1073C9584AA1B2', '["messages:send"]', 1767225600000, NULL, 1767225600000);
INSERT INTO keys (id, client, name, hash, scopes, created_at, last_used_at, revoked_at)
    VALUES ('019b76da-a800-7ef4-8d08-bc58e4b62ca2', 'shop', 'shop', X'39673F6190F1A09F3D189787F630813BD4D70291805558D7506FEE98795EF249', '["messages:send"]', 1767225600000, NULL, NULL);
INSERT INTO pin_attempts (card, pin, outcome, at)
    VALUES (X'91E6530E8CD8E81E4B1763A501A76642B52655B146254BC940EA2B1A1219ACAC', X'87B8B86FAEE35E655573789770B4E91C65F8EBC2759FE00CA45B02838DE628D3', 'refused', 1767225600000);
INSERT INTO idempotency (client, key, request, status, answer, created_at)
    VALUES ('shop', X'FC21A8380937529222672022F0DB2BBCEC2396A58BD7712D753BB23A85670AB5', X'A1D3797422E51BC01150CD17C58F3295A39B21166CC81F0A0C1445C28E11902F', 202, X'4C10BCBC18C5E2DE436E915F202DFDA751D33F2EB9F8BC8F7398B3749B9C098653AD', 1767225600000);

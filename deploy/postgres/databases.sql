-- Run once, by PostgreSQL's image, when its volume is empty: a role and a database for Dagster, and for a trial's DomIQ.
\set dagster_password `cat /run/secrets/dagster_password`
\set domiq_password `cat /run/secrets/domiq_password`
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE DATABASE dagster OWNER dagster TEMPLATE template0 ENCODING 'UTF8';
CREATE ROLE domiq LOGIN BYPASSRLS PASSWORD :'domiq_password';
CREATE DATABASE domiq OWNER domiq TEMPLATE template0 ENCODING 'UTF8';

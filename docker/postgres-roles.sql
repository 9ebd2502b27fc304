-- Run once by the database image, as the owner: the two roles that the controller logs in as
-- (migrations/README.md says who may do what). The passwords are the compose file's.
CREATE ROLE aldgate_app LOGIN PASSWORD 'aldgate_app';
CREATE ROLE aldgate_feed LOGIN PASSWORD 'aldgate_feed';

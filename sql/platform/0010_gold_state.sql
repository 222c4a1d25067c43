-- What a script was built from decides whether it is due, not which run changed it.

COMMENT ON COLUMN metadata.gold.built_hash IS
    'Hash of the script as it was built last, and of the last changes of all that it reads; where that is another one now, it is due';

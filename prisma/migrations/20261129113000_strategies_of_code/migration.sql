SET lock_timeout = '5s';

-- No column has this type: the strategies are a list of the code's, and a new one takes no migration.
DROP TYPE "StrategyType";

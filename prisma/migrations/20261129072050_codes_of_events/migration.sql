SET lock_timeout = '5s';

-- Events of before have no code of their own. A constant default of a new column is not written into the rows, so that a long history costs nothing.
ALTER TABLE "events" ADD COLUMN "code" TEXT DEFAULT 'LEGACY';
ALTER TABLE "events" ALTER COLUMN "code" DROP DEFAULT;

"""The laws of every store, on both databases."""

import pytest

from postopt.testing import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture(autouse=True)
    def _database(self, sqlite_database):
        self.database = sqlite_database

    async def make(self, clock):
        return self.database.store(clock=clock)


class TestPostgreSQL(StoreContract):
    @pytest.fixture(autouse=True)
    def _database(self, postgresql_database):
        self.database = postgresql_database

    async def make(self, clock):
        return self.database.store(clock=clock)


class TestFlushedAtOnce(TestSQLite):
    """Everything goes through the database, because nothing waits."""

    async def make(self, clock):
        return self.database.store(clock=clock, flush_seconds=0)

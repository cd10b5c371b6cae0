"""salesforce-bulk, which speaks Bulk 1 and nothing else."""

import itertools
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

from salesforce_bulk import CsvDictsAdapter
from salesforce_bulk.salesforce_bulk import BulkApiError
from snippet import connect

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import world  # noqa: E402

COUNT = itertools.count(1)


def a_name():
    """A name that no other record has."""
    return f"Account, \"{next(COUNT)}\""


def run(bulk, job, rows):
    batch = bulk.post_batch(job, CsvDictsAdapter(iter(rows)))
    bulk.close_job(job)
    bulk.wait_for_batch(job, batch)
    results = bulk.get_batch_results(batch, job)
    assert [row.success for row in results] == ["true"] * len(rows), results
    return [row.id for row in results]


def insert(bulk, *names):
    job = bulk.create_insert_job("Account", contentType="CSV")
    return run(bulk, job, [{"Name": name} for name in names])


def rows_in_and_out(bulk):
    made = insert(bulk, a_name(), a_name())
    job = bulk.create_update_job("Account", contentType="CSV")
    assert run(bulk, job, [{"Id": made[0], "Name": a_name()}]) == made[:1]
    job = bulk.create_delete_job("Account", contentType="CSV")
    assert run(bulk, job, [{"Id": row} for row in made]) == made


def query(bulk):
    job = bulk.create_query_job("Contact", contentType="CSV")
    batch = bulk.query(job, "SELECT Id, LastName FROM Contact")
    bulk.close_job(job)
    bulk.wait_for_batch(job, batch)
    results = bulk.get_all_results_for_query_batch(batch)
    rows = [line for result in results for line in result.read().decode().splitlines()[1:]]
    assert len(rows) == 2400, len(rows)


def errors_of_the_org(bulk):
    try:
        bulk.job_status("750000000000000AAA")
    except BulkApiError as error:
        assert "InvalidJob" in str(error), error
    else:
        raise AssertionError("a job that nobody made was found")


OPERATIONS = [rows_in_and_out, query, errors_of_the_org]


def tenants(told):
    """Each tenant has a client and a thread; the test looks at what arrived where."""

    def works(tenant):
        bulk = connect(told.tokens[tenant])
        for n in range(10):
            if n == 5:
                told.session_dies(tenant)
            insert(bulk, f"{tenant} {n}")

    with ThreadPoolExecutor() as pool:
        list(pool.map(works, ["acme", "globex"]))


def refused(told):
    for situation, token in told.tokens.items():
        bulk = connect(token)
        world.is_refused(situation, lambda: bulk.create_insert_job("Account", contentType="CSV"))
        world.is_refused(situation, lambda: bulk.job_status("750000000000000AAA"))


world.main(
    works=lambda told: world.each_survives(told, connect(told.token), OPERATIONS),
    tenants=tenants,
    refused=refused,
)

/*
 * What a careless node does: NULL, wrong sizes, numbers that mean nothing, bytes that are something else, callbacks that fail, parts that break their
 * promises, a run that is called off. Each is an error with its code, and nothing leaks.
 */
#define _GNU_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "subvm_host.h"

#define CHECK(holds) ((holds) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds), exit(1)))

/* Whether `error` has this code, and its text this part; frees it. */
static void expect_at(int line, subvm_error_t *error, uint32_t code, const char *part)
{
    const char *text = error ? subvm_error_message(error) : "no error";
    if (subvm_error_code(error) != code || !strstr(text, part)) {
        fprintf(stderr, "line %d: %u, %s, in place of %u, %s\n", line, subvm_error_code(error), text, code, part);
        exit(1);
    }
    printf("%u %s\n", code, text);
    subvm_error_free(error);
}

#define EXPECT(error, code, part) expect_at(__LINE__, error, code, part)
#define MUST(error) expect_at(__LINE__, error, 0, "no error")

static subvm_bytes_t text(const char *text)
{
    subvm_bytes_t bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static const subvm_bytes_t NOTHING = {NULL, 0};
static const subvm_address_t CONTRACT = {{1}};

/* What the callbacks are to do. */
struct orders {
    subvm_package_t *package;
    bool code_fails, code_says_both;
    const char *why;
    uint32_t malformed;
    uint64_t clock;
    /* To be called off as soon as the run asks for its contract's locked slots. */
    subvm_cancel_t *cancel;
};

static int32_t storage_read(void *context, uint32_t state, const subvm_address_t *contract, const subvm_word_t *slot,
                            uint32_t index, uint8_t *into, size_t len, subvm_buffer_t *error)
{
    (void)context, (void)state, (void)contract, (void)slot, (void)index, (void)error;
    memset(into, 0, len);
    return 0;
}

/* A storage that forgets to fill. */
static int32_t storage_idle(void *context, uint32_t state, const subvm_address_t *contract, const subvm_word_t *slot,
                            uint32_t index, uint8_t *into, size_t len, subvm_buffer_t *error)
{
    (void)context, (void)state, (void)contract, (void)slot, (void)index, (void)into, (void)len, (void)error;
    return 0;
}

static uint64_t clock_of(void *context)
{
    struct orders *orders = context;
    return orders->clock;
}

/* Each time asked, a second has passed. */
static uint64_t clock_that_flies(void *context)
{
    struct orders *orders = context;
    return orders->clock += 1000000000u;
}

static int32_t rng_fill(void *context, uint8_t *into, size_t len, subvm_buffer_t *error)
{
    (void)context, (void)error;
    memset(into, 4, len);
    return 0;
}

static int32_t host_balance(void *context, uint32_t state, const subvm_address_t *address, subvm_word_t *balance,
                            subvm_buffer_t *error)
{
    (void)context, (void)state, (void)address, (void)balance, (void)error;
    return 0;
}

static int32_t host_code(void *context, uint32_t state, const subvm_address_t *address, const subvm_package_t **package,
                         uint32_t *malformed, subvm_buffer_t *error)
{
    (void)state, (void)address;
    struct orders *orders = context;
    if (orders->why)
        CHECK(subvm_buffer_set(error, (const uint8_t *)orders->why, strlen(orders->why)));
    if (orders->code_fails)
        return -1;
    if (!orders->malformed || orders->code_says_both)
        *package = orders->package;
    *malformed = orders->malformed;
    return 0;
}

static int32_t host_locked_slots(void *context, const subvm_address_t *contract, subvm_buffer_t *slots, subvm_buffer_t *error)
{
    (void)contract, (void)slots, (void)error;
    struct orders *orders = context;
    subvm_cancel(orders->cancel);
    return 0;
}

static int32_t host_eth_call(void *context, uint32_t state, const subvm_address_t *address, subvm_bytes_t calldata,
                             uint32_t *answer, subvm_buffer_t *data, subvm_buffer_t *error)
{
    (void)context, (void)state, (void)address, (void)calldata, (void)answer, (void)data, (void)error;
    return 0;
}

static void host_output(void *context, uint32_t stream, subvm_bytes_t bytes)
{
    (void)context, (void)stream, (void)bytes;
}

static int32_t modules_start(void *context, subvm_bytes_t request, uint64_t *id, subvm_buffer_t *error)
{
    (void)context, (void)request, (void)id, (void)error;
    return 1;
}

static int32_t modules_wait(void *context, uint64_t id, uint64_t at_most_nanos, bool *ready, subvm_buffer_t *answer,
                            subvm_buffer_t *error)
{
    (void)context, (void)id, (void)at_most_nanos, (void)ready, (void)answer, (void)error;
    return 1;
}

static void modules_cancel(void *context, uint64_t id)
{
    (void)context, (void)id;
}

/* A node that does what `orders` say, and a run on it. */
struct setup {
    struct orders orders;
    subvm_storage_t storage;
    subvm_clock_t clock;
    subvm_rng_t rng;
    subvm_host_t host;
    subvm_modules_t modules;
    subvm_node_t node;
    subvm_run_t run;
};

static void set_up(struct setup *s, subvm_package_t *package, subvm_buffer_t *message, subvm_buffer_t *params)
{
    memset(s, 0, sizeof *s);
    s->orders.package = package;
    s->storage = (subvm_storage_t){sizeof s->storage, &s->orders, storage_read};
    s->clock = (subvm_clock_t){sizeof s->clock, &s->orders, clock_of, clock_of};
    s->rng = (subvm_rng_t){sizeof s->rng, &s->orders, rng_fill};
    s->host = (subvm_host_t){sizeof s->host, &s->orders, host_balance, host_code, host_locked_slots, host_eth_call, host_output};
    s->modules = (subvm_modules_t){sizeof s->modules, &s->orders, modules_start, modules_wait, modules_cancel};
    s->node = (subvm_node_t){sizeof s->node, &s->storage, &s->clock, &s->rng, &s->host, &s->modules};
    s->run.size = sizeof s->run;
    s->run.message = subvm_buffer_bytes(message);
    s->run.params = subvm_buffer_bytes(params);
}

/* (module (func (export "_start"))), and the same with (loop (br 0)) in it. */
static const uint8_t EMPTY[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, //
                                7, 10, 1, 6, '_', 's', 't', 'a', 'r', 't', 0, 0, 10, 4, 1, 2, 0, 0x0b};
static const uint8_t LOOP[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, //
                               7, 10, 1, 6, '_', 's', 't', 'a', 'r', 't', 0, 0, 10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b};

static subvm_package_t *package_of(const uint8_t *wasm, size_t len)
{
    subvm_parts_t parts;
    subvm_package_t *package = NULL;
    memset(&parts, 0, sizeof parts);
    parts.size = sizeof parts;
    parts.start = (subvm_bytes_t){wasm, len};
    MUST(subvm_package_new(&parts, &package));
    return package;
}

static void arguments(const subvm_engine_t *engine, subvm_package_t *package, subvm_buffer_t *message, subvm_buffer_t *params)
{
    struct setup s;
    subvm_report_t *report = NULL;
    set_up(&s, package, message, params);
    EXPECT(subvm_run(NULL, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "engine is NULL");
    EXPECT(subvm_run(engine, NULL, &s.run, &report), SUBVM_ERROR_ARGUMENT, "subvm_node_t is NULL");
    EXPECT(subvm_run(engine, &s.node, NULL, &report), SUBVM_ERROR_ARGUMENT, "subvm_run_t is NULL");
    EXPECT(subvm_run(engine, &s.node, &s.run, NULL), SUBVM_ERROR_ARGUMENT, "report is NULL");
    s.node.host = NULL;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "subvm_host_t is NULL");
    set_up(&s, package, message, params);
    s.storage.read = NULL;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "subvm_storage_t.read is NULL");
    set_up(&s, package, message, params);
    s.clock.size--;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "subvm_clock_t.size is 31, and this library has 32");
    set_up(&s, package, message, params);
    s.run.size = 0;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "subvm_run_t.size is 0");
    set_up(&s, package, message, params);
    s.run.role = 7;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "run.role is 7");
    s.run.role = SUBVM_ROLE_VALIDATOR;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_FORMAT, "run.leader: not a proposal");
    s.run.role = SUBVM_ROLE_SYNC;
    s.run.leader = text("no receipt");
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_FORMAT, "run.leader: not a receipt");
    s.run.role = SUBVM_ROLE_LEADER;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "run.leader is there");
    set_up(&s, package, message, params);
    s.run.callbacks = 2;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "run.callbacks is 2");
    set_up(&s, package, message, params);
    s.run.state = 2;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "run.state is 2");
    set_up(&s, package, message, params);
    s.run.entry = 3;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "run.entry is 3");
    set_up(&s, package, message, params);
    s.run.message = text("no message");
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_FORMAT, "message:");
    set_up(&s, package, message, params);
    s.run.params.data = NULL;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_ARGUMENT, "run.params is NULL, and its length is");
    CHECK(report == NULL);
}

static void formats(void)
{
    subvm_buffer_t *buffer = subvm_buffer_new();
    subvm_package_t *package = NULL, *back = NULL;
    subvm_receipt_t *receipt = NULL;
    subvm_word_t digest, again;
    bool holds;
    EXPECT(subvm_package_from_bundle(text("subvm?"), &package), SUBVM_ERROR_FORMAT, "a bundle of version 63");
    EXPECT(subvm_receipt_from_bytes(text("x"), &receipt), SUBVM_ERROR_FORMAT, "not a receipt");
    EXPECT(subvm_calldata_from_text(text("[1.5]"), buffer), SUBVM_ERROR_FORMAT, "text of calldata");
    EXPECT(subvm_calldata_from_text(text("\xff"), buffer), SUBVM_ERROR_ARGUMENT, "not UTF-8");
    EXPECT(subvm_calldata_to_text(NOTHING, buffer), SUBVM_ERROR_FORMAT, "calldata");
    EXPECT(subvm_proposal_digest(NOTHING, &digest), SUBVM_ERROR_FORMAT, "proposal");
    EXPECT(subvm_ballot_agrees(text("?"), &digest, &holds), SUBVM_ERROR_FORMAT, "not a ballot");
    EXPECT(subvm_message_digest(text("?"), &digest), SUBVM_ERROR_FORMAT, "message");
    EXPECT(subvm_calldata_from_text(text("1"), NULL), SUBVM_ERROR_ARGUMENT, "calldata is NULL");

    subvm_named_t file = {text("relative"), text("x")}, variable = {text("TZ"), text("CET")};
    subvm_parts_t parts;
    memset(&parts, 0, sizeof parts);
    parts.size = sizeof parts;
    parts.start = (subvm_bytes_t){EMPTY, sizeof EMPTY};
    parts.files = &file;
    parts.files_len = 1;
    EXPECT(subvm_package_new(&parts, &package), SUBVM_ERROR_REFUSED, "file \"relative\"");
    file.name = text("/absolute");
    parts.env = &variable;
    parts.env_len = 1;
    MUST(subvm_package_new(&parts, &package));
    MUST(subvm_package_to_bundle(package, buffer));
    MUST(subvm_package_from_bundle(subvm_buffer_bytes(buffer), &back));
    MUST(subvm_package_digest(package, &digest));
    MUST(subvm_package_digest(back, &again));
    CHECK(memcmp(&digest, &again, sizeof digest) == 0);
    subvm_package_free(back);
    subvm_package_free(package);

    subvm_params_t params;
    MUST(subvm_params_default(&params));
    MUST(subvm_params_encode(&params, buffer));
    MUST(subvm_params_digest(subvm_buffer_bytes(buffer), &digest));
    params.fingerprints = false;
    MUST(subvm_params_encode(&params, buffer));
    MUST(subvm_params_digest(subvm_buffer_bytes(buffer), &again));
    CHECK(memcmp(&digest, &again, sizeof digest) != 0);
    params.schedule = 99;
    EXPECT(subvm_params_encode(&params, buffer), SUBVM_ERROR_PARAMS, "schedule 99");
    params.schedule = 1;
    params.floats = 3;
    EXPECT(subvm_params_encode(&params, buffer), SUBVM_ERROR_ARGUMENT, "params.floats is 3");
    params.floats = SUBVM_FLOATS_TRAP;
    subvm_bytes_t pattern = text("A*B*C");
    params.refused_env = &pattern;
    params.refused_env_len = 1;
    EXPECT(subvm_params_encode(&params, buffer), SUBVM_ERROR_ARGUMENT, "params.refused_env");

    subvm_engine_options_t options;
    subvm_engine_t *engine = NULL;
    memset(&options, 0, sizeof options);
    EXPECT(subvm_engine_new(&options, &engine), SUBVM_ERROR_ARGUMENT, "subvm_engine_options_t.size is 0");
    options.size = sizeof options;
    options.kind = 9;
    EXPECT(subvm_engine_new(&options, &engine), SUBVM_ERROR_ARGUMENT, "kind 9");
    options.kind = SUBVM_ENGINE_WASMTIME;
    options.cache = text("/dev/null/cache");
    EXPECT(subvm_engine_new(&options, &engine), SUBVM_ERROR_SETUP, "/dev/null/cache");
    subvm_buffer_free(buffer);

    /* NULL is nothing, wherever there is no error to say so. */
    CHECK(subvm_receipt_bytes(NULL).len == 0 && subvm_receipt_pages_len(NULL) == 0 && !subvm_receipt_returned(NULL));
    CHECK(!subvm_report_receipt(NULL) && subvm_report_outcome(NULL).len == 0 && subvm_report_figures(NULL).ram_peak == 0);
    CHECK(subvm_buffer_bytes(NULL).len == 0 && !subvm_buffer_set(NULL, NULL, 0) && !subvm_cancelled(NULL));
    subvm_cancel(NULL);
    subvm_buffer_free(NULL);
    subvm_package_free(NULL);
    subvm_engine_free(NULL);
    subvm_receipt_free(NULL);
    subvm_report_free(NULL);
    subvm_cancel_free(NULL);
    subvm_error_free(NULL);
}

static void *call_off(void *cancel)
{
    struct timespec moment = {0, 50000000};
    nanosleep(&moment, NULL);
    subvm_cancel(cancel);
    return NULL;
}

/* Runs that this node has no result of, with callbacks in either place. */
static void failures(const subvm_engine_t *engine, subvm_package_t *empty, subvm_package_t *loop, subvm_buffer_t *message,
                     subvm_buffer_t *params, uint32_t callbacks)
{
    struct setup s;
    subvm_report_t *report = NULL;
    set_up(&s, empty, message, params);
    s.run.callbacks = callbacks;
    MUST(subvm_run(engine, &s.node, &s.run, &report));
    CHECK(subvm_receipt_returned(subvm_report_receipt(report)));

    subvm_receipt_t *leader = NULL;
    MUST(subvm_receipt_from_bytes(subvm_receipt_bytes(subvm_report_receipt(report)), &leader));
    subvm_report_free(report);
    report = NULL;

    s.orders.code_fails = true;
    s.orders.why = "the disk is gone";
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_HOST, "the disk is gone");
    s.orders.why = NULL;
    subvm_error_t *error = subvm_run(engine, &s.node, &s.run, &report);
    CHECK(report == NULL);
    subvm_buffer_t *why = subvm_buffer_new();
    uint32_t vote = SUBVM_VOTE_AGREE;
    MUST(subvm_vote(NULL, error, leader, &vote, why));
    CHECK(vote == SUBVM_VOTE_TIMEOUT && memmem(subvm_buffer_bytes(why).data, subvm_buffer_bytes(why).len, "did not say why", 15));
    EXPECT(error, SUBVM_ERROR_HOST, "a callback failed with -1, and did not say why");
    MUST(subvm_ballot(NULL, subvm_receipt_proposal(leader), why));
    CHECK(subvm_buffer_bytes(why).len == 1 && subvm_buffer_bytes(why).data[0] == 2);
    subvm_buffer_free(why);
    subvm_receipt_free(leader);

    s.orders.code_fails = false;
    s.orders.malformed = SUBVM_INVALID_ENV;
    MUST(subvm_run(engine, &s.node, &s.run, &report));
    subvm_bytes_t outcome = subvm_report_outcome(report);
    CHECK(outcome.len == 21 && memcmp(outcome.data, "\2invalid_contract env", 21) == 0);
    subvm_report_free(report);
    s.orders.malformed = 99;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_HOST, "malformed to 99");
    s.orders.code_says_both = true;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_HOST, "both a package and malformed");

    set_up(&s, loop, message, params);
    s.run.callbacks = callbacks;
    s.clock.elapsed = clock_that_flies;
    s.run.deadline_nanos = 1000000000u;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_DEADLINE, "deadline");

    set_up(&s, loop, message, params);
    s.run.callbacks = callbacks;
    subvm_cancel_t *cancel = subvm_cancel_new();
    pthread_t thread;
    s.run.cancel = cancel;
    CHECK(pthread_create(&thread, NULL, call_off, cancel) == 0);
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_CANCELLED, "cancelled");
    CHECK(pthread_join(thread, NULL) == 0 && subvm_cancelled(cancel));
    subvm_cancel_free(cancel);
    /* From a callback of the run itself. */
    cancel = s.orders.cancel = subvm_cancel_new();
    s.run.cancel = cancel;
    EXPECT(subvm_run(engine, &s.node, &s.run, &report), SUBVM_ERROR_CANCELLED, "cancelled");
    subvm_cancel_free(cancel);
}

static int released;

static int32_t make_idle(void *context, const subvm_written_t *written, size_t len, subvm_storage_t *made, subvm_buffer_t *error)
{
    (void)written, (void)len, (void)error;
    *made = (subvm_storage_t){sizeof *made, context, storage_idle};
    return 0;
}

static int32_t make_fails(void *context, const subvm_written_t *written, size_t len, subvm_storage_t *made, subvm_buffer_t *error)
{
    (void)context, (void)written, (void)len, (void)made;
    subvm_buffer_append(error, (const uint8_t *)"no room", 7);
    return 1;
}

static int32_t make_wrong(void *context, const subvm_written_t *written, size_t len, subvm_storage_t *made, subvm_buffer_t *error)
{
    (void)context, (void)written, (void)len, (void)error;
    made->size = 1;
    return 0;
}

static int32_t make_rng(void *context, subvm_rng_t *made, subvm_buffer_t *error)
{
    (void)error;
    *made = (subvm_rng_t){sizeof *made, context, rng_fill};
    return 0;
}

static int32_t make_clock(void *context, subvm_clock_t *made, subvm_buffer_t *error)
{
    (void)error;
    *made = (subvm_clock_t){sizeof *made, context, clock_of, clock_of};
    return 0;
}

static void release_storage(void *context, const subvm_storage_t *made)
{
    (void)context, (void)made;
    released++;
}

static void promises(void)
{
    struct orders orders = {0};
    EXPECT(subvm_check_storage(NULL, NULL, NULL), SUBVM_ERROR_ARGUMENT, "make is NULL");
    EXPECT(subvm_check_storage(make_idle, release_storage, &orders), SUBVM_ERROR_PROMISE, "a read fills all of its bytes");
    CHECK(released == 1);
    EXPECT(subvm_check_storage(make_fails, release_storage, &orders), SUBVM_ERROR_HOST, "`make` failed with 1: no room");
    CHECK(released == 1);
    EXPECT(subvm_check_storage(make_wrong, release_storage, &orders), SUBVM_ERROR_ARGUMENT, "subvm_storage_t.size is 1");
    CHECK(released == 2);
    EXPECT(subvm_check_rng(make_rng, NULL, &orders), SUBVM_ERROR_PROMISE, "two fills have nothing to do with each other");
    EXPECT(subvm_check_clock(make_clock, NULL, &orders), SUBVM_ERROR_PROMISE, "elapsed time passes");
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 && subvm_version()[0]);
    subvm_engine_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.kind = strcmp(argv[1], "wasmi") == 0 ? SUBVM_ENGINE_WASMI : SUBVM_ENGINE_TIERED;
    subvm_engine_t *engine = NULL;
    MUST(subvm_engine_new(&options, &engine));
    subvm_package_t *empty = package_of(EMPTY, sizeof EMPTY), *loop = package_of(LOOP, sizeof LOOP);
    subvm_buffer_t *message = subvm_buffer_new(), *bytes = subvm_buffer_new();
    subvm_address_t caller = {{2}};
    subvm_message_t sent;
    memset(&sent, 0, sizeof sent);
    EXPECT(subvm_message_encode(&sent, message), SUBVM_ERROR_ARGUMENT, "subvm_message_t.size is 0");
    sent.size = sizeof sent;
    sent.contract = CONTRACT;
    sent.signer = &caller;
    sent.stack = &caller;
    sent.stack_len = 1;
    sent.chain_id.bytes[0] = 9;
    /* Calldata of null. */
    sent.entry_data = (subvm_bytes_t){(const uint8_t *)"", 1};
    MUST(subvm_message_encode(&sent, message));
    subvm_params_t params;
    MUST(subvm_params_default(&params));
    /* For hours. */
    params.gas_time = (uint64_t)1 << 50;
    MUST(subvm_params_encode(&params, bytes));

    arguments(engine, empty, message, bytes);
    formats();
    failures(engine, empty, loop, message, bytes, SUBVM_CALLBACKS_ANYWHERE);
    failures(engine, empty, loop, message, bytes, SUBVM_CALLBACKS_ON_CALLER);
    promises();

    subvm_buffer_free(message);
    subvm_buffer_free(bytes);
    subvm_package_free(empty);
    subvm_package_free(loop);
    subvm_engine_free(engine);
    return 0;
}

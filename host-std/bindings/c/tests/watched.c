/*
 * The node of node.c, watched while it runs: by an observer, which is told of each sub-VM and each host call, by a recording beside it, and by the
 * library's log. Whoever watches, its receipts are the same.
 *
 *   cc -I../include watched.c -L<where libsubvm is> -lsubvm -lpthread -o watched
 *   ./watched ../../../examples/oracle/oracle.wasm wasmtime anywhere text
 */
#define main demonstration
#include "node.c"
#undef main

#include <pthread.h>

#include "expect.h"

/* ---- What an observer sees. ---- */

struct seen {
    pthread_t caller;
    bool on_caller;
    unsigned long entered, exited, lines, begun, ended, nondet, runs_begun, runs_ended, storage;
    /* Sub-VMs and calls that are open: what begins, ends, in reverse order. */
    int depth;
    /* What the last sub-VM and the run came to. */
    uint8_t outcome;
    uint32_t error;
    char text[200];
};

static bool starts_with(subvm_bytes_t bytes, const char *with)
{
    return bytes.len >= strlen(with) && memcmp(bytes.data, with, strlen(with)) == 0;
}

static void seen_call(struct seen *seen, const subvm_call_t *call)
{
    CHECK(call->module.len > 0 && call->name.len > 0);
    CHECK(seen->runs_begun == seen->runs_ended + 1 && seen->begun > seen->ended);
    CHECK(!seen->on_caller || pthread_equal(pthread_self(), seen->caller));
    for (size_t i = 0; i < call->args_len; i++)
        CHECK(call->params[i].len > 0 && call->params[i].data);
    /* All of the memory may be read. */
    uint8_t sum = 0;
    for (size_t i = 0; i < call->memory.len; i += 4096)
        sum = (uint8_t)(sum + call->memory.data[i]);
    (void)sum;
    if (starts_with(call->name, "storage_"))
        seen->storage++;
    if (call->line.len > 0)
        seen->lines++;
}

static void on_enter(void *context, const subvm_call_t *call)
{
    struct seen *seen = context;
    seen_call(seen, call);
    CHECK(call->line.len == 0 || starts_with(call->line, "==> "));
    CHECK(!call->ends_sub_vm && call->errno_ == 0);
    seen->entered++;
    seen->depth++;
}

static void on_exit_of(void *context, const subvm_call_t *call)
{
    struct seen *seen = context;
    seen_call(seen, call);
    CHECK(call->line.len == 0 || starts_with(call->line, "<== "));
    CHECK(seen->depth-- > 0);
    seen->exited++;
}

static void on_event(void *context, const subvm_event_t *event)
{
    struct seen *seen = context;
    CHECK(!seen->on_caller || pthread_equal(pthread_self(), seen->caller));
    switch (event->kind) {
    case SUBVM_EVENT_RUN_BEGINS:
        seen->runs_begun++;
        CHECK(memcmp(&event->contract, &CONTRACT, sizeof CONTRACT) == 0);
        return;
    case SUBVM_EVENT_SUB_VM_BEGINS:
        seen->begun++;
        seen->nondet += event->nondet;
        CHECK(event->ticks > 0 && event->depth + 1 == seen->begun - seen->ended);
        CHECK(event->nondet == !(event->permissions & SUBVM_MAY_BE_DETERMINISTIC));
        return;
    case SUBVM_EVENT_SUB_VM_ENDS:
        seen->ended++;
        CHECK(event->ticks >= 0);
        break;
    case SUBVM_EVENT_RUN_ENDS:
        seen->runs_ended++;
        break;
    default:
        CHECK(!"an event that this version has no name for");
    }
    CHECK((event->outcome.len > 0) == (event->error == 0) && (event->text.len > 0) == (event->error != 0));
    seen->outcome = event->error ? 0xff : event->outcome.data[0];
    seen->error = event->error;
    snprintf(seen->text, sizeof seen->text, "%.*s", (int)event->text.len, (const char *)event->text.data);
}

/* ---- The log. ---- */

struct log {
    pthread_mutex_t lock;
    unsigned long lines, transactions;
    bool json;
};

static struct log LOG = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_line(void *context, subvm_bytes_t line)
{
    struct log *log = context;
    pthread_mutex_lock(&log->lock);
    log->lines++;
    char text[4096];
    snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.data);
    CHECK(line.len > 0 && !strchr(text, '\n'));
    CHECK((text[0] == '{') == log->json && (!log->json || text[strlen(text) - 1] == '}' || line.len >= sizeof text));
    if (strstr(text, "the transaction "))
        log->transactions++;
    pthread_mutex_unlock(&log->lock);
}

/* ---- Runs. ---- */

static subvm_error_t *watched(const struct network *network, subvm_bytes_t message, uint32_t role, subvm_bytes_t leader, uint64_t deadline,
                              const subvm_watch_t *watch, subvm_report_t **report)
{
    struct web web = {0};
    struct store store = {0};
    subvm_storage_t storage = storage_of(&store);
    subvm_host_t host = host_of(network->package);
    subvm_modules_t modules = modules_of(&web);
    subvm_node_t node = {sizeof node, &storage, &CLOCK, &RNG, &host, &modules};
    subvm_run_t run = {.size = sizeof run, .message = message, .params = subvm_buffer_bytes(network->params), .role = role,
                       .leader = leader, .callbacks = network->callbacks, .deadline_nanos = deadline};
    return watch ? subvm_run_watched(network->engine, &node, &run, watch, report) : subvm_run(network->engine, &node, &run, report);
}

static bool same_receipt(const subvm_report_t *one, const subvm_report_t *other)
{
    subvm_bytes_t a = subvm_receipt_bytes(subvm_report_receipt(one)), b = subvm_receipt_bytes(subvm_report_receipt(other));
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* A call by a leader and by a validator, watched in every way and in none: the receipts are the same to the byte. */
static void changes_nothing(const struct network *network, const char *call, uint8_t outcome)
{
    subvm_buffer_t *message = message_of(call);
    subvm_bytes_t bytes = subvm_buffer_bytes(message), nothing = {NULL, 0};
    const uint64_t hour = 3600000000000u;
    subvm_report_t *alone = NULL, *checked = NULL;
    must(watched(network, bytes, SUBVM_ROLE_LEADER, nothing, hour, NULL, &alone));
    subvm_bytes_t proposal = subvm_receipt_proposal(subvm_report_receipt(alone));
    must(watched(network, bytes, SUBVM_ROLE_VALIDATOR, proposal, hour, NULL, &checked));
    show("alone", alone);
    unsigned long calls = 0;
    for (int way = 0; way < 6; way++) {
        struct seen seen = {.caller = pthread_self(), .on_caller = network->callbacks == SUBVM_CALLBACKS_ON_CALLER};
        subvm_observer_t observer = {.size = sizeof observer, .context = &seen, .lines = way % 2 == 1,
                                     .enter = on_enter, .exit = on_exit_of, .event = on_event};
        if (way == 4)
            observer.enter = observer.exit = NULL;
        if (way == 5)
            observer.enter = observer.exit = NULL, observer.event = NULL;
        subvm_recording_t *recording = NULL;
        must(subvm_recording_new(NULL, &recording));
        subvm_watch_t watch = {.size = sizeof watch, .observer = &observer, .recording = way >= 2 ? recording : NULL};
        subvm_report_t *report = NULL;
        must(watched(network, bytes, SUBVM_ROLE_LEADER, nothing, hour, &watch, &report));
        CHECK(same_receipt(alone, report));
        CHECK(seen.depth == 0 && seen.begun == seen.ended);
        if (way < 4) {
            CHECK(seen.entered > 0 && seen.entered == seen.exited);
            CHECK(seen.lines == (observer.lines ? seen.entered + seen.exited : 0));
            /* The same with a recording beside it. */
            CHECK(way == 0 || calls == seen.entered);
            calls = seen.entered;
        } else {
            CHECK(seen.entered == 0 && seen.exited == 0);
        }
        if (way < 5)
            CHECK(seen.runs_begun == 1 && seen.runs_ended == 1 && seen.outcome == outcome && seen.error == 0);
        if (way >= 2) {
            subvm_recorded_t recorded;
            must(subvm_recording_ended(recording, &recorded, NULL));
            CHECK(recorded.complete && recorded.calls == calls);
        }
        subvm_report_free(report);
        subvm_recording_free(recording);
    }
    struct seen seen = {.caller = pthread_self()};
    subvm_observer_t observer = {.size = sizeof observer, .context = &seen, .event = on_event};
    subvm_watch_t watch = {.size = sizeof watch, .observer = &observer};
    subvm_report_t *report = NULL;
    must(watched(network, bytes, SUBVM_ROLE_VALIDATOR, proposal, hour, &watch, &report));
    CHECK(same_receipt(checked, report));
    subvm_report_free(report);
    subvm_report_free(checked);
    subvm_report_free(alone);
    subvm_buffer_free(message);
}

/* What has no result is told with why; what is wrong is told before anything runs. */
static void goes_wrong(const struct network *network)
{
    subvm_buffer_t *message = message_of("{\"method\": \"get\"}");
    subvm_bytes_t bytes = subvm_buffer_bytes(message), nothing = {NULL, 0};
    struct seen seen = {.caller = pthread_self()};
    subvm_observer_t observer = {.size = sizeof observer, .context = &seen, .event = on_event};
    subvm_watch_t watch = {.size = sizeof watch, .observer = &observer};
    subvm_report_t *report = NULL;
    EXPECT(watched(network, bytes, SUBVM_ROLE_LEADER, nothing, 1, &watch, &report), SUBVM_ERROR_DEADLINE, "deadline");
    CHECK(seen.runs_ended == 1 && seen.error == SUBVM_ERROR_DEADLINE && strstr(seen.text, "deadline") && !report);
    seen = (struct seen){.caller = pthread_self()};
    observer.size--;
    EXPECT(watched(network, bytes, SUBVM_ROLE_LEADER, nothing, 0, &watch, &report), SUBVM_ERROR_ARGUMENT, "subvm_observer_t.size is");
    observer.size++;
    EXPECT(watched(network, nothing, SUBVM_ROLE_LEADER, nothing, 0, &watch, &report), SUBVM_ERROR_FORMAT, "message");
    CHECK(seen.runs_begun == 0 && !report);
    subvm_buffer_free(message);
}

static void installs(bool json)
{
    subvm_log_t log = {.size = sizeof log - 1, .context = &LOG, .level = SUBVM_LOG_TRACE, .json = json, .line = on_line};
    LOG.json = json;
    EXPECT(subvm_log(NULL), SUBVM_ERROR_ARGUMENT, "NULL");
    EXPECT(subvm_log(&log), SUBVM_ERROR_ARGUMENT, "subvm_log_t.size is");
    log.size = sizeof log;
    log.level = 6;
    EXPECT(subvm_log(&log), SUBVM_ERROR_ARGUMENT, "no SUBVM_LOG_*");
    log.level = SUBVM_LOG_TRACE;
    log.line = NULL;
    EXPECT(subvm_log(&log), SUBVM_ERROR_ARGUMENT, "line is NULL");
    log.line = on_line;
    must(subvm_log(&log));
    EXPECT(subvm_log(&log), SUBVM_ERROR_ARGUMENT, "has a log already");
}

static void all(const struct network *network)
{
    changes_nothing(network, "{\"method\": \"ask\", \"url\": \"https://example.org/price\"}", 0);
    changes_nothing(network, "{\"method\": \"fail\", \"message\": \"as you asked\"}", 1);
    goes_wrong(network);
}

int main(int argc, char **argv)
{
    CHECK(argc == 5 && subvm_abi_version() == SUBVM_ABI_VERSION);
    subvm_engine_options_t engine = {.size = sizeof engine,
                                     .kind = strcmp(argv[2], "wasmi") == 0 ? SUBVM_ENGINE_WASMI : SUBVM_ENGINE_WASMTIME};
    struct network network = {NULL, package_of(argv[1]), subvm_buffer_new(), SUBVM_CALLBACKS_ANYWHERE};
    if (strcmp(argv[3], "on-caller") == 0)
        network.callbacks = SUBVM_CALLBACKS_ON_CALLER;
    must(subvm_engine_new(&engine, &network.engine));
    subvm_params_t params;
    must(subvm_params_default(&params));
    must(subvm_params_encode(&params, network.params));
    all(&network);
    CHECK(LOG.lines == 0);
    installs(strcmp(argv[4], "json") == 0);
    /* What is printed is the same, and the log tells of each run. */
    all(&network);
    CHECK(LOG.transactions == 2 * 9 + 1 && LOG.lines > LOG.transactions);
    printf("watching changes nothing\n");
    subvm_buffer_free(network.params);
    subvm_package_free(network.package);
    subvm_engine_free(network.engine);
    return 0;
}

/* Makes the rows of plain new calls and sums them up in bulk; it never writes, and names nothing itself.
 *
 * `booking.py` and `rows.py` say what a row is. This is their fast lane: a call is taken here only if nothing is known
 * of it but what a transcript tells. Every other call is handed to a function of Python. What is taken here gives
 * exactly the row and the sums that Python would have made of it; tests compare the two.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* As in core/call.py and core/periods.py. */
enum { TRANSCRIPT = 1, MEASURED = 2 };
#define QUARTER_MS INT64_C(900000)

/* A call with more is nonsense; so many of each kind can be added up without a thought. */
#define MOST_TOKENS (INT64_C(1) << 60)

/* As in core/measures.py. */
enum { QUARTER, DAY };
enum { OF_ALL = 0, BY_PROJECT = 4 };

/* Where the bits of `traits` stand, as in rows.py. */
enum { ORIGIN = 3, COMPLETE = 5, SIDECHAIN = 6, TIME = 7, SOURCES = 16 };

/* The places of `Place` in what `Names.place` answers. */
enum { SPOT_TRAITS, SPOT_SESSION, SPOT_PROJECT, SPOT_BRANCH, SPOT_AGENT, SPOT_SUBSCRIBED };

enum { TOKEN_KINDS = 5, COST_KINDS = 4, ROW_SIZE = 18 };

/* What is summed up, in the order of `MEASURES`; the last of them only where it is not zero. */
enum { CALLS, UNPRICED, PARTIAL, TOKENS, COSTS = TOKENS + TOKEN_KINDS, USUAL = COSTS + COST_KINDS };
enum { SEARCHES = USUAL, SEARCH_COST, EQUIVALENT, SUMS };

/* -- The names of fields, made once */

#define FIELDS(DO) \
    DO(timing) DO(reading) DO(place) DO(placed_at) DO(party) DO(exchange) DO(sources) DO(keys) \
    DO(source) DO(started_at) DO(outcome) DO(status_code) DO(duration_ms) DO(first_token_ms) \
    DO(model) DO(usage) DO(terms) DO(origin) DO(complete) DO(sidechain)

typedef struct {
#define DECLARE(name) PyObject *name;
    FIELDS(DECLARE)
#undef DECLARE
} Fields;

/* -- Sums: rows of numbers that only ever add up, found by what they are sums of */

enum { PROJECT, SESSION, MODEL, SPAN, KEY_SIZE };

typedef struct {
    int64_t key[KEY_SIZE];
    int64_t sums[SUMS];
} Sum;

/* Rows stand in the order in which they came; `slots` finds them, each holding a row's number plus one. */
typedef struct {
    Sum *rows;
    size_t count;
    uint32_t *slots;
    size_t mask;
} Table;

static void close_table(Table *table) {
    PyMem_Free(table->rows);
    PyMem_Free(table->slots);
}

/* Room for `most` rows; half of the slots stay free, so that a free one is never far. */
static bool open_table(Table *table, size_t most) {
    size_t size = 16;
    while (size < most * 2) {
        size *= 2;
    }
    table->count = 0;
    table->mask = size - 1;
    table->rows = PyMem_Malloc((most + 1) * sizeof(Sum));
    table->slots = PyMem_Calloc(size, sizeof(uint32_t));
    if (table->rows == NULL || table->slots == NULL) {
        close_table(table);
        *table = (Table){0};
        return false;
    }
    return true;
}

static size_t hash_of(const int64_t *key) {
    uint64_t hash = 0;
    for (int part = 0; part < KEY_SIZE; part++) {
        hash = (hash ^ (uint64_t)key[part]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (size_t)hash;
}

static Sum *row_of(Table *table, const int64_t *key) {
    size_t slot = hash_of(key) & table->mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & table->mask) {
        Sum *row = &table->rows[table->slots[slot] - 1];
        if (memcmp(row->key, key, sizeof row->key) == 0) {
            return row;
        }
    }
    Sum *row = &table->rows[table->count++];
    table->slots[slot] = (uint32_t)table->count;
    memcpy(row->key, key, sizeof row->key);
    memset(row->sums, 0, sizeof row->sums);
    return row;
}

/* False when a number grows beyond 64 bits, which Python's do not. */
static bool add_up(Table *table, const int64_t *key, const int64_t *numbers) {
    Sum *row = row_of(table, key);
    for (int place = 0; place < SUMS; place++) {
        if (__builtin_add_overflow(row->sums[place], numbers[place], &row->sums[place])) {
            return false;
        }
    }
    return true;
}

/* The same sums over less: one part of what they are told apart by is left out. */
static bool leave_out(Table *less, const Table *table, int part) {
    for (size_t place = 0; place < table->count; place++) {
        int64_t key[KEY_SIZE];
        memcpy(key, table->rows[place].key, sizeof key);
        key[part] = 0;
        if (!add_up(less, key, table->rows[place].sums)) {
            return false;
        }
    }
    return true;
}

/* -- One call */

enum { INPUT, OUTPUT, WRITE_5M, WRITE_1H, READ };
enum { INPUT_COST, OUTPUT_COST, WRITE_COST, READ_COST };

/* The places in `Rate` and `Prices` of core/prices.py. */
enum { RATE_START, RATE_END, RATE_CARD, RATE_LONG_OVER, RATE_LONG_CARD, RATE_SIZE };
enum { PRICES_NANO = 1, PRICES_SIZE };

/* A rate in nano-USD a token. */
typedef struct {
    int64_t start, end, long_over;
    int64_t card[TOKEN_KINDS], long_card[TOKEN_KINDS];
} Rate;

enum { MOST_RATES = 8, TARIFFS = 16 };

/* All rates of one model on some terms. */
typedef struct {
    PyObject *model;
    int64_t terms;
    int count; /* -1: they are of a kind that Python has to reckon with */
    Rate rates[MOST_RATES];
} Tariff;

typedef struct {
    Fields *fields;
    PyObject *rates_of, *place_of, *model_of, *other, *day_of;
    PyObject *rows;
    Table quarters;
    bool is_beyond;         /* a sum grew too large */
    PyObject *place, *spot; /* of the last call: most are where the one before was */
    PyObject *model, *model_id;
    Tariff tariffs[TARIFFS];
    int next_tariff;
} Desk;

/* What a plain call is made of; all is borrowed from its fact, which is frozen. */
typedef struct {
    PyObject *fact, *number, *timing, *reading, *usage, *model;
    int64_t started_at, terms, tokens[TOKEN_KINDS], cost[COST_KINDS];
    bool complete, sidechain, is_priced;
} Call;

typedef enum { FAILED = -1, OTHER, PLAIN } Answer;

static PyObject *borrow(PyObject *owner, PyObject *name) {
    PyObject *value = PyObject_GetAttr(owner, name);
    Py_XDECREF(value);
    return value;
}

/* A number that may be too large for 64 bits, which makes its call a special one. */
static Answer read_number(PyObject *value, int64_t *number) {
    if (value == NULL) {
        return FAILED;
    }
    *number = PyLong_AsLongLong(value);
    if (*number != -1 || !PyErr_Occurred()) {
        return PLAIN;
    }
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
        return FAILED;
    }
    PyErr_Clear();
    return OTHER;
}

static Answer read_field(PyObject *owner, PyObject *name, int64_t *number) {
    return read_number(borrow(owner, name), number);
}

static Answer is_none(PyObject *owner, PyObject *name) {
    PyObject *value = borrow(owner, name);
    return value == NULL ? FAILED : value == Py_None ? PLAIN : OTHER;
}

static Answer has(PyObject *owner, PyObject *name, int64_t wanted) {
    int64_t number;
    Answer answer = read_field(owner, name, &number);
    return answer == PLAIN && number != wanted ? OTHER : answer;
}

#define REQUIRE(step) \
    do { \
        Answer answer_ = (step); \
        if (answer_ != PLAIN) { \
            return answer_; \
        } \
    } while (0)

/* Whether nothing is known but when the call ran. */
static Answer read_timing(const Fields *fields, Call *call) {
    call->timing = borrow(call->fact, fields->timing);
    if (call->timing == NULL) {
        return FAILED;
    }
    REQUIRE(has(call->timing, fields->source, TRANSCRIPT));
    REQUIRE(has(call->timing, fields->outcome, 0));
    REQUIRE(is_none(call->timing, fields->status_code));
    REQUIRE(is_none(call->timing, fields->duration_ms));
    REQUIRE(is_none(call->timing, fields->first_token_ms));
    REQUIRE(read_field(call->timing, fields->started_at, &call->started_at));
    REQUIRE(has(call->fact, fields->placed_at, call->started_at));
    return call->started_at >= 0 ? PLAIN : OTHER;
}

static Answer read_flag(PyObject *owner, PyObject *name, bool *flag) {
    PyObject *value = borrow(owner, name);
    *flag = value == Py_True;
    return value == NULL ? FAILED : value == Py_True || value == Py_False ? PLAIN : OTHER;
}

static Answer read_reading(const Fields *fields, Call *call) {
    PyObject *reading = call->reading = borrow(call->fact, fields->reading);
    if (reading == NULL) {
        return FAILED;
    }
    if (reading == Py_None) {
        return OTHER;
    }
    REQUIRE(has(reading, fields->origin, MEASURED));
    REQUIRE(read_field(reading, fields->terms, &call->terms));
    if (call->terms < 0 || call->terms >= 1 << ORIGIN) {
        return OTHER;
    }
    REQUIRE(read_flag(reading, fields->complete, &call->complete));
    REQUIRE(read_flag(reading, fields->sidechain, &call->sidechain));
    call->model = borrow(reading, fields->model);
    return call->model == NULL ? FAILED : PLAIN;
}

/* What stands in each of a tuple's first places as a number. */
static Answer read_numbers(PyObject *tuple, int count, int64_t *numbers) {
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) < count) {
        return OTHER;
    }
    for (int place = 0; place < count; place++) {
        REQUIRE(read_number(PyTuple_GetItem(tuple, place), &numbers[place]));
    }
    return PLAIN;
}

/* The call's tokens. A search makes a call special: its row has more columns. */
static Answer read_usage(const Fields *fields, Call *call) {
    int64_t usage[TOKEN_KINDS + 1];
    call->usage = borrow(call->reading, fields->usage);
    if (call->usage == NULL) {
        return FAILED;
    }
    REQUIRE(read_numbers(call->usage, TOKEN_KINDS + 1, usage));
    for (int kind = 0; kind < TOKEN_KINDS; kind++) {
        if (usage[kind] < 0 || usage[kind] > MOST_TOKENS) {
            return OTHER;
        }
    }
    memcpy(call->tokens, usage, sizeof call->tokens);
    return usage[TOKEN_KINDS] == 0 ? PLAIN : OTHER;
}

static Answer look_at(const Fields *fields, Call *call) {
    REQUIRE(is_none(call->fact, fields->party));
    REQUIRE(is_none(call->fact, fields->exchange));
    REQUIRE(has(call->fact, fields->sources, 1 << TRANSCRIPT));
    REQUIRE(read_timing(fields, call));
    REQUIRE(read_reading(fields, call));
    return read_usage(fields, call);
}

/* What the call adds to every sum. */
static Answer measure(const Call *call, bool subscribed, int64_t *sums) {
    memset(sums, 0, SUMS * sizeof *sums);
    sums[CALLS] = 1;
    sums[UNPRICED] = !call->is_priced;
    sums[PARTIAL] = !call->complete;
    memcpy(&sums[TOKENS], call->tokens, sizeof call->tokens);
    memcpy(&sums[COSTS], call->cost, sizeof call->cost);
    for (int kind = 0; subscribed && kind < COST_KINDS; kind++) {
        if (__builtin_add_overflow(sums[EQUIVALENT], call->cost[kind], &sums[EQUIVALENT])) {
            return OTHER;
        }
    }
    return PLAIN;
}

/* -- What it costs */

static Answer read_card(PyObject *prices, int64_t *card) {
    if (!PyTuple_Check(prices) || PyTuple_Size(prices) != PRICES_SIZE) {
        return OTHER;
    }
    return read_numbers(PyTuple_GetItem(prices, PRICES_NANO), TOKEN_KINDS, card);
}

/* Rates that are no whole nano-USD have to be rounded, which is left to Python. */
static Answer read_rate(PyObject *told, Rate *rate) {
    if (!PyTuple_Check(told) || PyTuple_Size(told) != RATE_SIZE) {
        return OTHER;
    }
    PyObject *long_over = PyTuple_GetItem(told, RATE_LONG_OVER);
    rate->long_over = INT64_MAX;
    if (long_over != Py_None) {
        REQUIRE(read_number(long_over, &rate->long_over));
    }
    REQUIRE(read_number(PyTuple_GetItem(told, RATE_START), &rate->start));
    REQUIRE(read_number(PyTuple_GetItem(told, RATE_END), &rate->end));
    REQUIRE(read_card(PyTuple_GetItem(told, RATE_CARD), rate->card));
    return read_card(PyTuple_GetItem(told, RATE_LONG_CARD), rate->long_card);
}

static Answer read_rates(PyObject *told, Tariff *tariff) {
    Py_ssize_t count = PyTuple_Size(told);
    if (count < 0) {
        return FAILED;
    }
    if (count > MOST_RATES) {
        return OTHER;
    }
    for (tariff->count = 0; tariff->count < count; tariff->count++) {
        REQUIRE(read_rate(PyTuple_GetItem(told, tariff->count), &tariff->rates[tariff->count]));
    }
    return PLAIN;
}

/* Asks for a tariff and keeps it in the place of the oldest. */
static Tariff *ask_tariff(Desk *desk, const Call *call) {
    PyObject *told = PyObject_CallFunction(desk->rates_of, "OL", call->model, (long long)call->terms);
    if (told == NULL) {
        return NULL;
    }
    Tariff *tariff = &desk->tariffs[desk->next_tariff];
    desk->next_tariff = (desk->next_tariff + 1) % TARIFFS;
    Py_XDECREF(tariff->model);
    tariff->model = Py_NewRef(call->model);
    tariff->terms = call->terms;
    Answer answer = read_rates(told, tariff);
    Py_DECREF(told);
    if (answer == OTHER) {
        tariff->count = -1;
    }
    return answer == FAILED ? NULL : tariff;
}

/* Names are compared as objects: one that comes in two copies is only asked for twice. */
static Tariff *tariff_of(Desk *desk, const Call *call) {
    for (int place = 0; place < TARIFFS; place++) {
        Tariff *tariff = &desk->tariffs[place];
        if (tariff->model == call->model && tariff->terms == call->terms) {
            return tariff;
        }
    }
    return ask_tariff(desk, call);
}

static const Rate *rate_at(const Tariff *tariff, int64_t time) {
    for (int place = 0; place < tariff->count; place++) {
        if (tariff->rates[place].start <= time && time < tariff->rates[place].end) {
            return &tariff->rates[place];
        }
    }
    return NULL;
}

static bool multiply(const int64_t *tokens, const int64_t *card, int64_t *cost) {
    int64_t write_5m, write_1h;
    return !__builtin_mul_overflow(tokens[INPUT], card[INPUT], &cost[INPUT_COST]) &&
           !__builtin_mul_overflow(tokens[OUTPUT], card[OUTPUT], &cost[OUTPUT_COST]) &&
           !__builtin_mul_overflow(tokens[WRITE_5M], card[WRITE_5M], &write_5m) &&
           !__builtin_mul_overflow(tokens[WRITE_1H], card[WRITE_1H], &write_1h) &&
           !__builtin_add_overflow(write_5m, write_1h, &cost[WRITE_COST]) &&
           !__builtin_mul_overflow(tokens[READ], card[READ], &cost[READ_COST]);
}

static Answer price(Desk *desk, Call *call) {
    const Tariff *tariff = tariff_of(desk, call);
    if (tariff == NULL) {
        return FAILED;
    }
    if (tariff->count < 0) {
        return OTHER;
    }
    const Rate *rate = rate_at(tariff, call->started_at);
    call->is_priced = rate != NULL;
    if (rate == NULL) {
        return PLAIN;
    }
    const int64_t *tokens = call->tokens;
    int64_t prompt = tokens[INPUT] + tokens[WRITE_5M] + tokens[WRITE_1H] + tokens[READ];
    return multiply(tokens, prompt > rate->long_over ? rate->long_card : rate->card, call->cost) ? PLAIN : OTHER;
}

/* -- Where it is booked */

static bool find_spot(Desk *desk, const Call *call) {
    PyObject *place = borrow(call->fact, desk->fields->place);
    if (place == NULL) {
        return false;
    }
    if (place == desk->place) {
        return true;
    }
    PyObject *spot = PyObject_CallFunctionObjArgs(desk->place_of, place, NULL);
    if (spot == NULL) {
        return false;
    }
    if (!PyTuple_Check(spot) || PyTuple_Size(spot) <= SPOT_SUBSCRIBED) {
        PyErr_SetString(PyExc_TypeError, "place_of must answer a Spot");
        Py_DECREF(spot);
        return false;
    }
    Py_XDECREF(desk->spot);
    desk->spot = spot;
    desk->place = place;
    return true;
}

static PyObject *spot_item(const Desk *desk, int item) { return PyTuple_GetItem(desk->spot, item); }

static bool find_model(Desk *desk, PyObject *model) {
    if (model == desk->model) {
        return true;
    }
    PyObject *number = PyObject_CallFunctionObjArgs(desk->model_of, model, NULL);
    if (number == NULL) {
        return false;
    }
    Py_XDECREF(desk->model_id);
    desk->model_id = number;
    desk->model = model;
    return true;
}

static Answer count_in(Desk *desk, const Call *call, const int64_t *sums) {
    int64_t key[KEY_SIZE] = {[SPAN] = call->started_at / QUARTER_MS};
    REQUIRE(read_number(spot_item(desk, SPOT_PROJECT), &key[PROJECT]));
    REQUIRE(read_number(spot_item(desk, SPOT_SESSION), &key[SESSION]));
    REQUIRE(read_number(desk->model_id, &key[MODEL]));
    desk->is_beyond = !add_up(&desk->quarters, key, sums);
    return desk->is_beyond ? FAILED : PLAIN;
}

/* -- Rows */

static PyObject *request_of(const Fields *fields, PyObject *fact) {
    PyObject *keys = borrow(fact, fields->keys);
    Py_ssize_t count = keys == NULL ? -1 : PyTuple_Size(keys);
    PyObject *key = count <= 0 ? NULL : PyTuple_GetItem(keys, count - 1);
    if (key == NULL) {
        return count == 0 ? Py_NewRef(Py_None) : NULL;
    }
    PyObject *prefix = PyUnicode_FromString("req:");
    if (prefix == NULL) {
        return NULL;
    }
    Py_ssize_t matches = PyUnicode_Tailmatch(key, prefix, 0, PY_SSIZE_T_MAX, -1);
    Py_DECREF(prefix);
    if (matches < 0) {
        return NULL;
    }
    return matches ? PyUnicode_Substring(key, 4, PY_SSIZE_T_MAX) : Py_NewRef(Py_None);
}

static PyObject *traits_of(const Desk *desk, const Call *call) {
    int64_t traits;
    if (read_number(spot_item(desk, SPOT_TRAITS), &traits) != PLAIN) {
        return NULL;
    }
    traits |= 1 << TRANSCRIPT << SOURCES | TRANSCRIPT << TIME | (MEASURED + 1) << ORIGIN | call->terms |
              (int64_t)call->complete << COMPLETE | (int64_t)call->sidechain << SIDECHAIN;
    return PyLong_FromLongLong(traits);
}

/* Takes over a reference, as PyTuple_SetItem does. */
static bool put(PyObject *row, int *place, PyObject *value) {
    return value != NULL && PyTuple_SetItem(row, (*place)++, value) == 0;
}

static bool put_items(PyObject *row, int *place, PyObject *tuple, int first, int count) {
    for (int item = first; item < first + count; item++) {
        if (!put(row, place, Py_XNewRef(PyTuple_GetItem(tuple, item)))) {
            return false;
        }
    }
    return true;
}

static bool put_costs(PyObject *row, int *place, const Call *call) {
    for (int kind = 0; kind < COST_KINDS; kind++) {
        if (!put(row, place, call->is_priced ? PyLong_FromLongLong(call->cost[kind]) : Py_NewRef(Py_None))) {
            return false;
        }
    }
    return true;
}

/* The columns of `rows.COLUMNS` that every call has. */
static bool fill_row(const Desk *desk, const Call *call, PyObject *row) {
    int place = 0;
    return put(row, &place, Py_NewRef(call->number)) &&
           put(row, &place, Py_XNewRef(borrow(call->timing, desk->fields->started_at))) &&
           put(row, &place, Py_NewRef(desk->model_id)) && put_items(row, &place, call->usage, 0, TOKEN_KINDS) &&
           put_costs(row, &place, call) && put(row, &place, traits_of(desk, call)) &&
           put_items(row, &place, desk->spot, SPOT_SESSION, 4) &&
           put(row, &place, request_of(desk->fields, call->fact));
}

static bool append_row(const Desk *desk, const Call *call) {
    PyObject *row = PyTuple_New(ROW_SIZE);
    bool done = row != NULL && fill_row(desk, call, row) && PyList_Append(desk->rows, row) == 0;
    Py_XDECREF(row);
    return done;
}

/* -- The walk */

static Answer book_plain(Desk *desk, PyObject *fact, PyObject *number) {
    Call call = {.fact = fact, .number = number};
    int64_t sums[SUMS];
    REQUIRE(look_at(desk->fields, &call));
    REQUIRE(price(desk, &call));
    if (!find_spot(desk, &call) || !find_model(desk, call.model)) {
        return FAILED;
    }
    REQUIRE(measure(&call, spot_item(desk, SPOT_SUBSCRIBED) == Py_True, sums));
    REQUIRE(count_in(desk, &call, sums));
    return append_row(desk, &call) ? PLAIN : FAILED;
}

static bool book_other(Desk *desk, PyObject *fact, PyObject *number) {
    PyObject *row = PyObject_CallFunctionObjArgs(desk->other, fact, number, NULL);
    bool done = row != NULL && PyList_Append(desk->rows, row) == 0;
    Py_XDECREF(row);
    return done;
}

static bool book_all(Desk *desk, PyObject *facts, PyObject *ids) {
    Py_ssize_t count = PyList_Size(facts);
    for (Py_ssize_t place = 0; place < count; place++) {
        PyObject *fact = PyList_GetItem(facts, place), *number = PyList_GetItem(ids, place);
        if (fact == NULL || number == NULL) {
            return false;
        }
        Answer answer = book_plain(desk, fact, number);
        if (answer == FAILED || (answer == OTHER && !book_other(desk, fact, number))) {
            return false;
        }
    }
    return true;
}

/* -- What Python gets of the sums: dictionaries from a row's key to its measures */

static PyObject *numbers_tuple(const int64_t *numbers, int count) {
    PyObject *tuple = PyTuple_New(count);
    for (int place = 0; tuple != NULL && place < count; place++) {
        PyObject *number = PyLong_FromLongLong(numbers[place]);
        if (number == NULL || PyTuple_SetItem(tuple, place, number) < 0) {
            Py_CLEAR(tuple);
        }
    }
    return tuple;
}

static bool tell(PyObject *rows, PyObject *key, const Sum *row) {
    PyObject *measures = numbers_tuple(row->sums, row->sums[EQUIVALENT] == 0 ? USUAL : SUMS);
    bool done = key != NULL && measures != NULL && PyDict_SetItem(rows, key, measures) == 0;
    Py_XDECREF(key);
    Py_XDECREF(measures);
    return done;
}

static bool tell_spans(PyObject *spans, const Table *table, int grain, int dimension) {
    for (size_t place = 0; place < table->count; place++) {
        const Sum *row = &table->rows[place];
        int64_t key[] = {grain, dimension, row->key[PROJECT], row->key[SPAN], row->key[MODEL]};
        if ((dimension == BY_PROJECT && row->key[PROJECT] == 0) || tell(spans, numbers_tuple(key, 5), row)) {
            continue;
        }
        return false;
    }
    return true;
}

static bool tell_days(PyObject *days, const Table *table) {
    for (size_t place = 0; place < table->count; place++) {
        const Sum *row = &table->rows[place];
        int64_t key[] = {row->key[SPAN], 0, 0, 0, row->key[PROJECT], row->key[SESSION], 0, 0, row->key[MODEL]};
        if (!tell(days, numbers_tuple(key, 9), row)) {
            return false;
        }
    }
    return true;
}

static bool tell_models(PyObject *models, const Table *table) {
    for (size_t place = 0; place < table->count; place++) {
        if (!tell(models, PyLong_FromLongLong(table->rows[place].key[MODEL]), &table->rows[place])) {
            return false;
        }
    }
    return true;
}

/* -- The roll-ups: the same sums over less and less */

enum { QUARTERS, PROJECT_QUARTERS, ALL_QUARTERS, DAYS, PROJECT_DAYS, ALL_DAYS, MODELS, TABLES };

static const struct {
    int table, of, without;
} steps[] = {
    {PROJECT_QUARTERS, QUARTERS, SESSION}, {ALL_QUARTERS, PROJECT_QUARTERS, PROJECT},
    {PROJECT_DAYS, DAYS, SESSION},         {ALL_DAYS, PROJECT_DAYS, PROJECT},
    {MODELS, ALL_DAYS, SPAN},
};

typedef enum { NO_MEMORY = -2, ERROR, BEYOND, DONE } Outcome;

/* The day of the quarter-hour asked for last: rows of one session follow each other. */
typedef struct {
    PyObject *day_of;
    int64_t quarter, day;
} Calendar;

static Outcome find_day(Calendar *calendar, int64_t quarter) {
    if (quarter == calendar->quarter) {
        return DONE;
    }
    PyObject *day = PyObject_CallFunction(calendar->day_of, "L", (long long)quarter);
    Answer answer = read_number(day, &calendar->day);
    Py_XDECREF(day);
    calendar->quarter = quarter;
    return answer == PLAIN ? DONE : answer == OTHER ? BEYOND : ERROR;
}

static Outcome sum_days(Table *days, const Table *quarters, PyObject *day_of) {
    Calendar calendar = {.day_of = day_of, .quarter = -1};
    for (size_t place = 0; place < quarters->count; place++) {
        const Sum *row = &quarters->rows[place];
        Outcome outcome = find_day(&calendar, row->key[SPAN]);
        if (outcome != DONE) {
            return outcome;
        }
        int64_t key[KEY_SIZE];
        memcpy(key, row->key, sizeof key);
        key[SPAN] = calendar.day;
        if (!add_up(days, key, row->sums)) {
            return BEYOND;
        }
    }
    return DONE;
}

/* Fills every table from that of the quarter-hours. Whatever comes of it, all tables can be closed afterwards. */
static Outcome fill_tables(Table *tables, PyObject *day_of) {
    if (!open_table(&tables[DAYS], tables[QUARTERS].count)) {
        return NO_MEMORY;
    }
    Outcome outcome = sum_days(&tables[DAYS], &tables[QUARTERS], day_of);
    for (size_t step = 0; outcome == DONE && step < sizeof steps / sizeof *steps; step++) {
        Table *table = &tables[steps[step].table];
        const Table *of = &tables[steps[step].of];
        if (!open_table(table, of->count)) {
            return NO_MEMORY;
        }
        outcome = leave_out(table, of, steps[step].without) ? DONE : BEYOND;
    }
    return outcome;
}

static bool tell_all(const Table *tables, PyObject *spans, PyObject *days, PyObject *models) {
    return tell_spans(spans, &tables[ALL_QUARTERS], QUARTER, OF_ALL) &&
           tell_spans(spans, &tables[ALL_DAYS], DAY, OF_ALL) &&
           tell_spans(spans, &tables[PROJECT_QUARTERS], QUARTER, BY_PROJECT) &&
           tell_spans(spans, &tables[PROJECT_DAYS], DAY, BY_PROJECT) && tell_days(days, &tables[DAYS]) &&
           tell_models(models, &tables[MODELS]);
}

/* The three dictionaries of a `Roll`. */
static PyObject *roll_of(const Table *tables) {
    PyObject *roll = Py_BuildValue("({}{}{})");
    if (roll == NULL || !tell_all(tables, PyTuple_GetItem(roll, 0), PyTuple_GetItem(roll, 1), PyTuple_GetItem(roll, 2))) {
        Py_CLEAR(roll);
    }
    return roll;
}

/* -- The door */

/* New: (rows, roll); or None where sums grew too large, NULL after an error. */
static PyObject *book_and_sum(Desk *desk, PyObject *facts, PyObject *ids) {
    Table tables[TABLES] = {0};
    if (!open_table(&desk->quarters, (size_t)PyList_Size(facts))) {
        return PyErr_NoMemory();
    }
    PyObject *roll = NULL;
    Outcome outcome = book_all(desk, facts, ids) ? DONE : desk->is_beyond ? BEYOND : ERROR;
    tables[QUARTERS] = desk->quarters;
    if (outcome == DONE) {
        outcome = fill_tables(tables, desk->day_of);
    }
    if (outcome == DONE) {
        roll = roll_of(tables);
    }
    for (int table = 0; table < TABLES; table++) {
        close_table(&tables[table]);
    }
    if (outcome == NO_MEMORY) {
        return PyErr_NoMemory();
    }
    if (outcome == BEYOND) {
        return Py_NewRef(Py_None);
    }
    return roll == NULL ? NULL : Py_BuildValue("(ON)", desk->rows, roll);
}

static PyObject *book_method(PyObject *module, PyObject *arguments) {
    Desk desk = {.fields = PyModule_GetState(module)};
    PyObject *facts, *ids;
    if (!PyArg_ParseTuple(arguments, "O!O!OOOOO:book", &PyList_Type, &facts, &PyList_Type, &ids, &desk.rates_of,
                          &desk.place_of, &desk.model_of, &desk.other, &desk.day_of)) {
        return NULL;
    }
    desk.rows = PyList_New(0);
    PyObject *booked = desk.rows == NULL ? NULL : book_and_sum(&desk, facts, ids);
    Py_XDECREF(desk.rows);
    Py_XDECREF(desk.spot);
    Py_XDECREF(desk.model_id);
    for (int tariff = 0; tariff < TARIFFS; tariff++) {
        Py_XDECREF(desk.tariffs[tariff].model);
    }
    return booked;
}

static int start_module(PyObject *module) {
    Fields *fields = PyModule_GetState(module);
#define INTERN(name) \
    if ((fields->name = PyUnicode_InternFromString(#name)) == NULL) { \
        return -1; \
    }
    FIELDS(INTERN)
#undef INTERN
    return 0;
}

static void free_module(void *module) {
    Fields *fields = PyModule_GetState(module);
#define FORGET(name) Py_CLEAR(fields->name);
    FIELDS(FORGET)
#undef FORGET
}

static PyMethodDef methods[] = {
    {"book", book_method, METH_VARARGS, "See _booking.pyi."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, start_module}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    "_booking",
    "The fast lane of booking.py.",
    sizeof(Fields),
    methods,
    slots,
    NULL,
    NULL,
    free_module,
};

PyMODINIT_FUNC PyInit__booking(void) { return PyModuleDef_Init(&module); }

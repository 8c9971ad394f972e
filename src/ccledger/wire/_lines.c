/* Reads the plain lines of a transcript in bulk; it never decides about a line that is not plain, and keeps nothing.
 *
 * `transcript.py` says what a line means. This is its fast lane: a line is taken here only if it is canonical (compact,
 * ASCII without escapes in every field that is kept, each of those once, counts in digits, time in UTC with
 * milliseconds) and an ordinary part of an answer. At the first other line reading stops, and Python takes that one.
 * Lines of one answer that follow each other are joined here by comparing their bytes, so that Python sees the answer
 * once. Whatever is taken here gives exactly what Python would have made of it; tests compare the two on damaged lines.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "_json.h"

/* As in transcript.py; the times are those that a double holds to the microsecond. */
#define COUNT_LIMIT INT64_C(10000000000000)
#define SEARCH_LIMIT INT64_C(1000000)
#define EARLIEST_MS INT64_C(1600000000000)
#define LATEST_MS INT64_C(2200000000000)

/* Longer ones are no ids that anybody gives. */
#define LONGEST_ID 200

enum { FAST = 1, BATCH = 2, US_ONLY = 4 };

/* -- One line */

typedef struct {
    int64_t input, output, written, read, written_5m, written_1h, searches;
    unsigned seen;
} Counts;

typedef struct {
    Counts counts;
    Text tier, speed, region;
    unsigned seen;
} Usage;

typedef struct {
    Text id, model, stop_reason;
    Usage usage;
    bool has_usage;
    unsigned seen;
} Message;

enum { UNTOLD = -1 };

typedef struct {
    Text type, time, session, request, branch, agent;
    int sidechain; /* 0, 1 or UNTOLD */
    Message message;
    unsigned seen;
} Line;

/* Whether a field comes for the first time: of two, the last one counts in Python. */
static bool once(unsigned *seen, unsigned field) {
    bool first = (*seen & 1u << field) == 0;
    *seen |= 1u << field;
    return first;
}

static bool read_null(Cursor *cursor) { return SKIP_WORD(cursor, "null"); }

static bool read_object_or_null(Cursor *cursor, Field field, void *into) {
    return peek(cursor, 'n') ? read_null(cursor) : read_object(cursor, field, into);
}

static bool split_field(Cursor *cursor, Text name, void *into) {
    Counts *counts = into;
    if (IS(name, "ephemeral_5m_input_tokens")) {
        return once(&counts->seen, 0) && read_count(cursor, COUNT_LIMIT, &counts->written_5m);
    }
    if (IS(name, "ephemeral_1h_input_tokens")) {
        return once(&counts->seen, 1) && read_count(cursor, COUNT_LIMIT, &counts->written_1h);
    }
    return skip_value(cursor, 0);
}

static bool tools_field(Cursor *cursor, Text name, void *into) {
    Counts *counts = into;
    if (IS(name, "web_search_requests")) {
        return once(&counts->seen, 2) && read_count(cursor, SEARCH_LIMIT, &counts->searches);
    }
    return skip_value(cursor, 0);
}

static bool counts_field(Cursor *cursor, Text name, Counts *counts) {
    if (IS(name, "input_tokens")) {
        return once(&counts->seen, 3) && read_count(cursor, COUNT_LIMIT, &counts->input);
    }
    if (IS(name, "output_tokens")) {
        return once(&counts->seen, 4) && read_count(cursor, COUNT_LIMIT, &counts->output);
    }
    if (IS(name, "cache_creation_input_tokens")) {
        return once(&counts->seen, 5) && read_count(cursor, COUNT_LIMIT, &counts->written);
    }
    if (IS(name, "cache_read_input_tokens")) {
        return once(&counts->seen, 6) && read_count(cursor, COUNT_LIMIT, &counts->read);
    }
    if (IS(name, "cache_creation")) {
        return once(&counts->seen, 7) && read_object_or_null(cursor, split_field, counts);
    }
    if (IS(name, "server_tool_use")) {
        return once(&counts->seen, 8) && read_object_or_null(cursor, tools_field, counts);
    }
    return skip_value(cursor, 0);
}

/* The only list of iterations that tells nothing at all; others may hold another model's advice. */
static bool read_no_iterations(Cursor *cursor) {
    return peek(cursor, 'n') ? read_null(cursor) : SKIP_WORD(cursor, "[]");
}

static bool usage_field(Cursor *cursor, Text name, void *into) {
    Usage *usage = into;
    if (IS(name, "service_tier")) {
        return once(&usage->seen, 0) && read_text_or_null(cursor, &usage->tier);
    }
    if (IS(name, "speed")) {
        return once(&usage->seen, 1) && read_text_or_null(cursor, &usage->speed);
    }
    if (IS(name, "inference_geo")) {
        return once(&usage->seen, 2) && read_text_or_null(cursor, &usage->region);
    }
    if (IS(name, "iterations")) {
        return once(&usage->seen, 3) && read_no_iterations(cursor);
    }
    return counts_field(cursor, name, &usage->counts);
}

static bool message_field(Cursor *cursor, Text name, void *into) {
    Message *message = into;
    if (IS(name, "id")) {
        return once(&message->seen, 0) && read_text_or_null(cursor, &message->id);
    }
    if (IS(name, "model")) {
        return once(&message->seen, 1) && read_text_or_null(cursor, &message->model);
    }
    if (IS(name, "stop_reason")) {
        return once(&message->seen, 2) && read_text_or_null(cursor, &message->stop_reason);
    }
    if (IS(name, "usage")) {
        message->has_usage = true;
        return once(&message->seen, 3) && read_object(cursor, usage_field, &message->usage);
    }
    return skip_value(cursor, 0);
}

static bool read_flag(Cursor *cursor, int *flag) {
    *flag = peek(cursor, 't') ? 1 : peek(cursor, 'f') ? 0 : UNTOLD;
    return *flag == 1 ? SKIP_WORD(cursor, "true") : *flag == 0 ? SKIP_WORD(cursor, "false") : read_null(cursor);
}

static bool line_field(Cursor *cursor, Text name, void *into) {
    Line *line = into;
    if (IS(name, "type")) {
        return once(&line->seen, 0) && read_text_or_null(cursor, &line->type);
    }
    if (IS(name, "timestamp")) {
        return once(&line->seen, 1) && read_text(cursor, &line->time);
    }
    if (IS(name, "sessionId")) {
        return once(&line->seen, 2) && read_text_or_null(cursor, &line->session);
    }
    if (IS(name, "requestId")) {
        return once(&line->seen, 3) && read_text_or_null(cursor, &line->request);
    }
    if (IS(name, "gitBranch")) {
        return once(&line->seen, 4) && read_text_or_null(cursor, &line->branch);
    }
    if (IS(name, "agentId")) {
        return once(&line->seen, 5) && read_text_or_null(cursor, &line->agent);
    }
    if (IS(name, "isSidechain")) {
        return once(&line->seen, 6) && read_flag(cursor, &line->sidechain);
    }
    if (IS(name, "message")) {
        return once(&line->seen, 7) && read_object(cursor, message_field, &line->message);
    }
    /* A failed call and an inherited copy are rare and have rules of their own. */
    if (IS(name, "isApiErrorMessage")) {
        return once(&line->seen, 8) && SKIP_WORD(cursor, "false");
    }
    if (IS(name, "forkedFrom") || IS(name, "advisorModel")) {
        return false;
    }
    return skip_value(cursor, 0);
}

static bool read_line(Cursor *cursor, Line *line) {
    memset(line, 0, sizeof *line);
    line->sidechain = UNTOLD;
    return read_object(cursor, line_field, line) && take(cursor, '\n');
}

/* -- What a line counts */

typedef struct {
    int64_t input, output, written_5m, written_1h, read, searches;
    int terms;
    bool complete;
} Reading;

static Reading reading_of(const Line *line) {
    const Usage *usage = &line->message.usage;
    const Counts *counts = &usage->counts;
    int64_t rest = counts->written - counts->written_5m - counts->written_1h;
    Reading reading = {
        .input = counts->input,
        .output = counts->output,
        .written_5m = counts->written_5m + (rest > 0 ? rest : 0),
        .written_1h = counts->written_1h,
        .read = counts->read,
        .searches = counts->searches,
        .terms = (IS(usage->speed, "fast") ? FAST : 0) | (IS(usage->tier, "batch") ? BATCH : 0) |
                 (IS(usage->region, "us") ? US_ONLY : 0),
        .complete = line->sidechain != 1 || line->message.stop_reason.at != NULL,
    };
    return reading;
}

static int64_t total_of(const Reading *reading) {
    return reading->input + reading->output + reading->written_5m + reading->written_1h + reading->read;
}

/* The order of `merge.better_reading`, for readings of one answer: the rest of what it compares is the same there. */
static bool is_better(const Reading *a, const Reading *b) {
    const int64_t differences[] = {
        total_of(a) - total_of(b),         a->searches - b->searches,     a->complete - b->complete,
        a->output - b->output,             a->input - b->input,           a->written_1h - b->written_1h,
        a->written_5m - b->written_5m,     a->terms - b->terms,
    };
    for (size_t place = 0; place < sizeof differences / sizeof *differences; place++) {
        if (differences[place] != 0) {
            return differences[place] > 0;
        }
    }
    return false;
}

static bool read_digits(const char *at, int count, int *number) {
    *number = 0;
    for (int place = 0; place < count; place++) {
        if (at[place] < '0' || at[place] > '9') {
            return false;
        }
        *number = *number * 10 + (at[place] - '0');
    }
    return true;
}

/* Days since 1970 of a date in the years that EARLIEST_MS and LATEST_MS span, in which every fourth is a leap year. */
static int64_t day_number(int year, int month, int day) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int leap_days = (year - 1969) / 4 + (year % 4 == 0 && month > 2);
    return (year - 1970) * INT64_C(365) + leap_days + before[month - 1] + day - 1;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year % 4 == 0);
}

/* Milliseconds since 1970 of a time like 2026-11-20T12:00:00.000Z; 0 for any other. */
static int64_t milliseconds(Text time) {
    static const char form[] = "0000-00-00T00:00:00.000Z";
    int year, month, day, hour, minute, second, rest;
    if (time.size != sizeof form - 1) {
        return 0;
    }
    const char *at = time.at;
    if (!read_digits(at, 4, &year) || !read_digits(at + 5, 2, &month) || !read_digits(at + 8, 2, &day) ||
        !read_digits(at + 11, 2, &hour) || !read_digits(at + 14, 2, &minute) || !read_digits(at + 17, 2, &second) ||
        !read_digits(at + 20, 3, &rest)) {
        return 0;
    }
    if (at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' || at[19] != '.' ||
        at[23] != 'Z') {
        return 0;
    }
    if (year < 2020 || year > 2039 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 59) {
        return 0;
    }
    return (((day_number(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + rest;
}

/* -- Answers: lines that follow each other and belong together */

typedef struct {
    Line line; /* the first one, for what all have in common */
    Reading reading;
    int64_t started_at;
    bool open;
} Answer;

/* What is made for Python. Texts that repeat are made once. */
typedef struct {
    PyObject *answers;
    PyObject *place; /* of the last answer: session, branch, agent, not copied */
    Text session, branch, agent;
    PyObject *model;
    Text model_name;
} Output;

typedef enum { PLAIN, NOTHING, STRANGE } Kind;

static Kind kind_of(const Line *line, int64_t started_at) {
    const Message *message = &line->message;
    if (!IS(line->type, "assistant") || !message->has_usage || IS(message->model, "<synthetic>")) {
        return NOTHING;
    }
    bool unique = message->id.size > 4 && message->id.size <= LONGEST_ID && memcmp(message->id.at, "msg_", 4) == 0;
    bool named = message->model.size > 0;
    bool requested = line->request.at == NULL || (line->request.size > 0 && line->request.size <= LONGEST_ID);
    bool timed = started_at >= EARLIEST_MS && started_at < LATEST_MS;
    return unique && named && requested && timed ? PLAIN : STRANGE;
}

static bool same_place(const Line *a, const Line *b) {
    return same_text(a->session, b->session) && same_text(a->branch, b->branch) && same_text(a->agent, b->agent);
}

static bool is_continued_by(const Answer *answer, const Line *line) {
    const Line *first = &answer->line;
    return answer->open && same_text(first->message.id, line->message.id) && same_text(first->request, line->request) &&
           first->sidechain == line->sidechain && same_text(first->message.model, line->message.model) &&
           same_place(first, line);
}

/* Keeps what is made for later use, too. */
static void keep(PyObject **kept, PyObject *object) {
    PyObject *before = *kept;
    *kept = Py_NewRef(object);
    Py_XDECREF(before);
}

static PyObject *new_text(Text text) {
    if (text.at == NULL) {
        return Py_NewRef(Py_None);
    }
    return PyUnicode_FromStringAndSize(text.at, (Py_ssize_t)text.size);
}

/* Takes over what it is given, NULL after an error included. */
static PyObject *new_tuple(PyObject *const *items, int count) {
    PyObject *tuple = PyTuple_New(count);
    bool whole = tuple != NULL;
    for (int place = 0; place < count; place++) {
        whole = whole && items[place] != NULL;
        if (tuple == NULL) {
            Py_XDECREF(items[place]);
        } else {
            PyTuple_SetItem(tuple, place, items[place]);
        }
    }
    if (!whole) {
        Py_CLEAR(tuple);
    }
    return tuple;
}

#define NEW_TUPLE(...) \
    new_tuple((PyObject *const[]){__VA_ARGS__}, sizeof((PyObject *const[]){__VA_ARGS__}) / sizeof(PyObject *))

static PyObject *place_of(Output *output, const Line *line) {
    if (output->place != NULL && same_text(output->session, line->session) &&
        same_text(output->branch, line->branch) && same_text(output->agent, line->agent)) {
        return Py_NewRef(output->place);
    }
    PyObject *place =
        NEW_TUPLE(new_text(line->session), new_text(line->branch), new_text(line->agent), Py_NewRef(Py_False));
    if (place != NULL) {
        keep(&output->place, place);
        output->session = line->session;
        output->branch = line->branch;
        output->agent = line->agent;
    }
    return place;
}

/* One object for each name, by which the booking knows it again. */
static PyObject *model_of(Output *output, Text name) {
    if (output->model != NULL && same_text(output->model_name, name)) {
        return Py_NewRef(output->model);
    }
    PyObject *model = new_text(name);
    if (model != NULL) {
        PyUnicode_InternInPlace(&model);
        keep(&output->model, model);
        output->model_name = name;
    }
    return model;
}

static PyObject *new_key(const char *kind, Text id) {
    char key[sizeof "msg:" + LONGEST_ID];
    memcpy(key, kind, 4);
    memcpy(key + 4, id.at, id.size);
    return PyUnicode_FromStringAndSize(key, 4 + (Py_ssize_t)id.size);
}

static PyObject *keys_of(const Line *line) {
    if (line->request.at == NULL) {
        return NEW_TUPLE(new_key("msg:", line->message.id));
    }
    return NEW_TUPLE(new_key("msg:", line->message.id), new_key("req:", line->request));
}

static PyObject *counts_of(const Reading *reading) {
    return NEW_TUPLE(PyLong_FromLongLong(reading->input), PyLong_FromLongLong(reading->output),
                     PyLong_FromLongLong(reading->written_5m), PyLong_FromLongLong(reading->written_1h),
                     PyLong_FromLongLong(reading->read), PyLong_FromLongLong(reading->searches));
}

/* Hands the open answer to Python; the shape of the tuple is `_lines.Answer`. */
static bool close_answer(Output *output, Answer *answer) {
    if (!answer->open) {
        return true;
    }
    answer->open = false;
    const Line *line = &answer->line;
    const Reading *reading = &answer->reading;
    PyObject *told = NEW_TUPLE(keys_of(line), place_of(output, line), model_of(output, line->message.model),
                               PyLong_FromLongLong(answer->started_at), PyLong_FromLong(reading->terms),
                               PyBool_FromLong(reading->complete), PyBool_FromLong(line->sidechain == 1),
                               counts_of(reading));
    bool done = told != NULL && PyList_Append(output->answers, told) == 0;
    Py_XDECREF(told);
    return done;
}

/* Counts a plain line: into the open answer if it is another block of that, else as the start of the next. */
static bool count_line(Output *output, Answer *answer, const Line *line, int64_t started_at) {
    Reading reading = reading_of(line);
    if (is_continued_by(answer, line)) {
        if (started_at < answer->started_at) {
            answer->started_at = started_at;
        }
        if (is_better(&reading, &answer->reading)) {
            answer->reading = reading;
        }
        return true;
    }
    if (!close_answer(output, answer)) {
        return false;
    }
    answer->line = *line;
    answer->reading = reading;
    answer->started_at = started_at;
    answer->open = true;
    return true;
}

/* Reads on until the end or the first line that is not plain, and answers where that is; NULL after an error. */
static const char *read_plain(Output *output, const char *at, const char *end) {
    Answer answer = {.open = false};
    const char *marker;
    while ((marker = find_marker(at, end)) != NULL) {
        const char *newline = last_newline(at, marker);
        Cursor cursor = {newline == NULL ? at : newline + 1, end};
        const char *start = cursor.at;
        Line line;
        if (!read_line(&cursor, &line)) {
            return close_answer(output, &answer) ? start : NULL;
        }
        int64_t started_at = milliseconds(line.time);
        Kind kind = kind_of(&line, started_at);
        if (kind == STRANGE) {
            return close_answer(output, &answer) ? start : NULL;
        }
        if (kind == PLAIN && !count_line(output, &answer, &line, started_at)) {
            return NULL;
        }
        at = cursor.at;
    }
    return close_answer(output, &answer) ? end : NULL;
}

/* -- The door */

static PyObject *read_buffer(const Py_buffer *buffer, Py_ssize_t start, Py_ssize_t end) {
    if (start < 0 || end > buffer->len || start > end) {
        PyErr_SetString(PyExc_ValueError, "start and end must lie inside the buffer, in this order");
        return NULL;
    }
    Output output = {.answers = PyList_New(0)};
    if (output.answers == NULL) {
        return NULL;
    }
    const char *base = buffer->buf;
    const char *stop = read_plain(&output, base + start, base + end);
    Py_XDECREF(output.place);
    Py_XDECREF(output.model);
    if (stop == NULL) {
        Py_DECREF(output.answers);
        return NULL;
    }
    return Py_BuildValue("(Nn)", output.answers, (Py_ssize_t)(stop - base));
}

static PyObject *read_method(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer buffer;
    Py_ssize_t start, end;
    if (!PyArg_ParseTuple(arguments, "y*nn:read", &buffer, &start, &end)) {
        return NULL;
    }
    PyObject *result = read_buffer(&buffer, start, end);
    PyBuffer_Release(&buffer);
    return result;
}

static PyMethodDef methods[] = {
    {"read", read_method, METH_VARARGS, "See _lines.pyi."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_lines", "The fast lane of transcript.py.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__lines(void) { return PyModuleDef_Init(&module); }

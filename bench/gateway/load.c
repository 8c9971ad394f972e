/* Asks an HTTP server the same thing over and over and looks at every answer; it leaves no request unfinished.
 *
 *   load --port N --request FILE --connections N --seconds S [--count N] [--rate N] [--expect FILE] [--ramp S]
 *
 * The request file holds a whole HTTP/1.1 request. The expected body, where there is one, is compared byte by byte; a
 * '#' in it stands for any byte. With a rate, so many requests begin each second; with a count, no more than that.
 * Prints one JSON object.
 */
#include "timers.h"

#include <getopt.h>

#define MOST 65536
#define PATIENCE_US 60000000

enum state { HEAD, FIXED, SIZE, CHUNK, TRAILER };

struct connection {
    enum state state;
    char line[16384];
    size_t held, left, body;
    int open, busy, matches, chunked, status, closes;
    uint64_t begun, first;
};

static struct connection **connections;
static char *request, *expected, *wildcard;
static size_t request_size, expected_size;
static int epoll, port, wanted = 1, failed_connects;
static uint64_t start, deadline, rate, slots, most = UINT64_MAX, asked, answered, failed, bytes, busy;
static char failure[512];
static uint32_t *firsts, *wholes;
static size_t samples, samples_room;

static char *load_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *text = grown(NULL, *size + 1);
    if (fread(text, 1, *size, file) != *size) fail(path);
    fclose(file);
    return text;
}

static void keep(uint64_t first, uint64_t whole) {
    if (samples == samples_room) {
        samples_room = samples_room * 2 + 65536;
        firsts = grown(firsts, samples_room * sizeof *firsts);
        wholes = grown(wholes, samples_room * sizeof *wholes);
    }
    firsts[samples] = (uint32_t)first;
    wholes[samples++] = (uint32_t)whole;
}

static void schedule(int fd);

static void ask(int fd) {
    struct connection *one = connections[fd];
    one->state = HEAD;
    one->held = one->left = one->body = 0;
    one->matches = 1;
    one->busy = 1;
    one->first = 0;
    one->begun = now_us();
    asked++;
    busy++;
    ssize_t sent = send(fd, request, request_size, MSG_NOSIGNAL);
    if (sent != (ssize_t)request_size) {
        snprintf(failure, sizeof failure, "a request could not be sent");
        failed++;
        busy--;
        one->busy = 0;
        close(fd);
    }
}

static int join(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(port);
    if (fd < 0 || fd >= MOST || connect(fd, (struct sockaddr *)&address, sizeof address)) {
        failed_connects++;
        if (fd >= 0) close(fd);
        return -1;
    }
    prepare(fd);
    if (!connections[fd]) connections[fd] = grown(NULL, sizeof **connections);
    memset(connections[fd], 0, sizeof **connections);
    watch(epoll, fd, EPOLLIN);
    return fd;
}

static void end(int fd, const char *why) {
    struct connection *one = connections[fd];
    uint64_t now = now_us();
    if (!why && one->status != 200) why = "status";
    if (!why && expected && (one->body != expected_size || !one->matches)) why = "the body is not as expected";
    if (why) {
        failed++;
        if (!*failure) snprintf(failure, sizeof failure, "%s (status %d, %zu bytes) %.300s", why, one->status, one->body,
            one->state == HEAD ? "" : one->line);
    } else {
        answered++;
        keep(one->first - one->begun, now - one->begun);
    }
    one->busy = 0;
    busy--;
    if (why || one->closes) {
        close(fd);
        fd = now < deadline ? join() : -1;
    }
    if (fd >= 0) schedule(fd);
}

/* Begins the next request of a connection, now or when its turn comes. */
static void schedule(int fd) {
    uint64_t now = now_us();
    if (!rate) {
        if (now < deadline && asked < most) ask(fd);
        return;
    }
    uint64_t at = start + slots++ * 1000000 / rate;
    if (at < deadline) due_add(at, fd, 0);
}

static void take(struct connection *one, const char *piece, size_t size) {
    bytes += size;
    if (expected && one->body + size <= expected_size) {
        const char *wants = expected + one->body, *any = wildcard + one->body;
        unsigned char differs = 0;
        for (size_t each = 0; each < size; each++) differs |= (unsigned char)((piece[each] ^ wants[each]) & any[each]);
        if (differs) one->matches = 0;
    }
    one->body += size;
}

static void read_head(struct connection *one) {
    one->status = atoi(one->line + 9);
    char *length = strcasestr(one->line, "\r\ncontent-length:");
    one->chunked = strcasestr(one->line, "\r\ntransfer-encoding: chunked") != NULL;
    one->closes = strcasestr(one->line, "\r\nconnection: close") != NULL;
    one->left = length ? strtoul(length + 17, NULL, 10) : 0;
    one->state = one->chunked ? SIZE : FIXED;
    one->held = 0;
}

/* Takes what came; answers 1 at the end of an answer, -1 when it is none. */
static int feed(struct connection *one, const char *data, size_t size) {
    while (size) {
        if (one->state == FIXED || one->state == CHUNK) {
            size_t part = size < one->left ? size : one->left;
            take(one, data, part);
            data += part;
            size -= part;
            one->left -= part;
            if (one->left) continue;
            if (one->state == FIXED) return size ? -1 : 1;
            one->state = TRAILER;
            one->held = 0;
            continue;
        }
        if (one->held + 1 >= sizeof one->line) return -1;
        one->line[one->held++] = *data++;
        size--;
        one->line[one->held] = 0;
        if (one->line[one->held - 1] != '\n') continue;
        if (one->state == HEAD) {
            if (one->held >= 4 && !memcmp(one->line + one->held - 4, "\r\n\r\n", 4)) {
                read_head(one);
                if (one->state == FIXED && !one->left) return size ? -1 : 1;
            }
        } else if (one->state == SIZE) {
            one->left = strtoul(one->line, NULL, 16);
            one->state = one->left ? CHUNK : TRAILER;
            one->held = 0;
            one->chunked = one->left ? 1 : 2;
        } else if (one->chunked == 2) {
            return size ? -1 : 1;
        } else {
            one->state = SIZE;
            one->held = 0;
        }
    }
    return 0;
}

static void hear(int fd) {
    static char data[65536];
    struct connection *one = connections[fd];
    ssize_t size = read(fd, data, sizeof data);
    if (size < 0 && errno == EAGAIN) return;
    if (!one->busy) { /* a server may end a connection that nobody uses */
        close(fd);
        return;
    }
    if (size <= 0) {
        end(fd, "the connection ended early");
        return;
    }
    int found = feed(one, data, (size_t)size);
    if (!one->first && one->body) one->first = now_us();
    if (found) end(fd, found < 0 ? "not HTTP" : NULL);
}

static int smaller(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static uint32_t at(uint32_t *values, double share) {
    return samples ? values[(size_t)((double)(samples - 1) * share)] : 0;
}

static void report(void) {
    qsort(firsts, samples, sizeof *firsts, smaller);
    qsort(wholes, samples, sizeof *wholes, smaller);
    printf("{\"answered\":%llu,\"failed\":%llu,\"unfinished\":%llu,\"seconds\":%.6f,\"bytes\":%llu,"
           "\"first_byte_us\":[%u,%u],\"whole_us\":[%u,%u],\"failure\":\"",
        (unsigned long long)answered, (unsigned long long)failed + (unsigned)failed_connects, (unsigned long long)busy,
        (double)(now_us() - start) / 1e6, (unsigned long long)bytes, at(firsts, 0.5), at(firsts, 0.99),
        at(wholes, 0.5), at(wholes, 0.99));
    for (const char *each = failure; *each; each++)
        if (*each >= ' ' && *each != '"' && *each != '\\') putchar(*each);
    printf("\"}\n");
}

static void read_options(int count, char **arguments, double *seconds, double *ramp) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"request", 1, 0, 'q'}, {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'},
        {"count", 1, 0, 'n'}, {"rate", 1, 0, 'r'}, {"expect", 1, 0, 'e'}, {"ramp", 1, 0, 'u'}, {0, 0, 0, 0}};
    for (int each; (each = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        if (each == 'p') port = atoi(optarg);
        else if (each == 'q') request = load_file(optarg, &request_size);
        else if (each == 'c') wanted = atoi(optarg);
        else if (each == 's') *seconds = atof(optarg);
        else if (each == 'n') most = strtoull(optarg, NULL, 10);
        else if (each == 'r') rate = strtoull(optarg, NULL, 10);
        else if (each == 'e') expected = load_file(optarg, &expected_size);
        else if (each == 'u') *ramp = atof(optarg);
        else exit(2);
    }
    if (!request || !port) {
        fprintf(stderr, "load needs --port and --request\n");
        exit(2);
    }
    if (expected) {
        wildcard = grown(NULL, expected_size + 1);
        for (size_t each = 0; each < expected_size; each++) wildcard[each] = expected[each] == '#' ? 0 : (char)0xff;
    }
}

int main(int count, char **arguments) {
    double seconds = 1, ramp = 0;
    read_options(count, arguments, &seconds, &ramp);
    epoll = epoll_create1(0);
    connections = calloc(MOST, sizeof *connections);
    start = now_us();
    deadline = start + (uint64_t)(seconds * 1e6);
    int joined = 0;
    while (1) {
        uint64_t now = now_us();
        while (joined < wanted && now >= start + (uint64_t)(ramp * 1e6 * joined / wanted)) {
            int fd = join();
            joined++;
            if (fd >= 0) schedule(fd);
        }
        int over = now >= deadline || asked >= most;
        if (joined == wanted && !busy && (over || !heap_size)) break;
        if (now > deadline + PATIENCE_US) break;
        struct epoll_event events[256];
        int wait = due_wait();
        int found = epoll_wait(epoll, events, 256, joined < wanted && wait > 1 ? 1 : wait);
        for (int each = 0; each < found; each++) hear(events[each].data.fd);
        for (now = now_us(); heap_size && heap[0].at <= now;) {
            struct due due = due_take();
            if (now < deadline && asked < most && !connections[due.fd]->busy) ask(due.fd);
        }
    }
    report();
    return 0;
}

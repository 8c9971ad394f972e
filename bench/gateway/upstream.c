/* Answers like Anthropic's API as fast as it can: whole, as events in one go, or as events at a pace.
 *
 *   upstream PORT      (0: any; the port is printed)
 *
 * The request's body says what it wants: "events=60" a stream of so many events, "pace=5" one every so many
 * milliseconds; neither, a whole answer. Each answer has ids of its own. GET /answered tells how many were sent whole.
 */
#include "timers.h"

#define MOST 65536
#define ROOM (1 << 18)
#define ID "0000000000000000000000"

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\nContent-Type: %s\r\n"
    "request-id: req_" ID "\r\nanthropic-ratelimit-unified-status: allowed\r\n"
    "anthropic-ratelimit-unified-5h-status: allowed\r\nanthropic-ratelimit-unified-5h-reset: 1795000000\r\n"
    "anthropic-ratelimit-unified-5h-utilization: 0.25\r\n"
    "anthropic-organization-id: 00000000-0000-0000-0000-000000000000\r\nServer: cloudflare\r\n%s\r\n\r\n";
static const char USAGE[] =
    "\"usage\":{\"input_tokens\":11,\"cache_creation_input_tokens\":128,\"cache_read_input_tokens\":2048,"
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":128,\"ephemeral_1h_input_tokens\":0},"
    "\"output_tokens\":%d,\"service_tier\":\"standard\",\"inference_geo\":\"not_available\"}";
static const char WORDS[] = "All work and no play makes a dull gateway, and a dull gateway makes no work of play. ";

/* One answer in pieces, made once for each number of events. Offsets are those of the two ids in the first piece. */
struct answer {
    int events;
    char *bytes;
    size_t size, *ends, request_id, message_id;
};
static struct answer answers[8];
static int made;

struct client {
    char *in;
    size_t got, room;
    const struct answer *answer;
    int piece, pace_ms, last;
    unsigned turn;
    uint64_t at;
};
static struct client clients[MOST];
static uint64_t serial, answered;
static int epoll;

static size_t chunk(char *into, const char *event) {
    return (size_t)sprintf(into, "%zx\r\n%s\r\n", strlen(event), event);
}

static void find_ids(struct answer *answer) {
    answer->request_id = (size_t)(strstr(answer->bytes, "req_") + 4 - answer->bytes);
    answer->message_id = (size_t)(strstr(answer->bytes, "msg_") + 4 - answer->bytes);
}

static void make_whole(struct answer *answer) {
    char usage[512], body[4096], length[64];
    sprintf(usage, USAGE, 57);
    sprintf(body,
        "{\"model\":\"claude-sonnet-5\",\"id\":\"msg_" ID "\",\"type\":\"message\",\"role\":\"assistant\","
        "\"content\":[{\"type\":\"text\",\"text\":\"%s%s%s%s%s%s%s%s\"}],\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null,\"stop_details\":null,%s}",
        WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, "", usage);
    sprintf(length, "Content-Length: %zu", strlen(body));
    answer->size = (size_t)sprintf(answer->bytes, HEAD, "application/json", length);
    answer->size += (size_t)sprintf(answer->bytes + answer->size, "%s", body);
    answer->ends[0] = answer->size;
}

static void event_text(char *into, int number, int events) {
    char usage[512];
    if (number == 0) {
        sprintf(usage, USAGE, 1);
        sprintf(into,
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-5\","
            "\"id\":\"msg_" ID "\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"stop_reason\":null,"
            "\"stop_sequence\":null,\"stop_details\":null,%s}}\n\n", usage);
    } else if (number == 1) {
        strcpy(into, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
            "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    } else if (number == 2) {
        strcpy(into, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
    } else if (number == events - 3) {
        strcpy(into, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    } else if (number == events - 2) {
        sprintf(usage, USAGE, 57);
        sprintf(into, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
            "\"stop_sequence\":null},%s}\n\n", usage);
    } else if (number == events - 1) {
        strcpy(into, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    } else {
        sprintf(into, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"text_delta\",\"text\":\" %.14s\"}}\n\n", WORDS + number % 60);
    }
}

static void make_stream(struct answer *answer, int at_once) {
    static char all[ROOM];
    char event[2048];
    answer->size = (size_t)sprintf(answer->bytes, HEAD, "text/event-stream; charset=utf-8",
        "Cache-Control: no-cache\r\nTransfer-Encoding: chunked");
    all[0] = 0;
    for (int number = 0; number < answer->events; number++) {
        event_text(event, number, answer->events);
        if (at_once) strcat(all, event);
        else answer->size += chunk(answer->bytes + answer->size, event);
        answer->ends[number] = answer->size;
    }
    if (at_once) answer->size += chunk(answer->bytes + answer->size, all);
    answer->size += (size_t)sprintf(answer->bytes + answer->size, "0\r\n\r\n");
    answer->ends[at_once ? 0 : answer->events - 1] = answer->size;
}

/* Events that are sent in one go have a negative number here: they are another answer, in one chunk. */
static const struct answer *answer_for(int events, int pace_ms) {
    int wanted = pace_ms ? events : -events;
    for (int each = 0; each < made; each++)
        if (answers[each].events == wanted) return &answers[each];
    if (made == 8) {
        fprintf(stderr, "too many kinds of answers\n");
        exit(2);
    }
    struct answer *answer = &answers[made++];
    answer->bytes = grown(NULL, ROOM);
    answer->ends = grown(NULL, sizeof(size_t) * (size_t)(events + 1));
    answer->events = events;
    if (events) make_stream(answer, !pace_ms);
    else make_whole(answer);
    answer->events = wanted;
    find_ids(answer);
    return answer;
}

static void drop(int fd) {
    free(clients[fd].in);
    unsigned turn = clients[fd].turn + 1;
    clients[fd] = (struct client){.turn = turn};
    close(fd);
}

/* Sends all or ends the connection: what is sent here fits any socket's buffer, unless nobody reads. */
static int deliver(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            drop(fd);
            return 0;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static void begin(int fd, const char *body) {
    struct client *client = &clients[fd];
    const char *events = strstr(body, "events="), *pace = strstr(body, "pace=");
    client->pace_ms = pace ? atoi(pace + 5) : 0;
    const struct answer *answer = answer_for(events ? atoi(events + 7) : 0, client->pace_ms);
    client->last = client->pace_ms ? answer->events - 1 : 0;
    char id[32];
    sprintf(id, "%022llx", (unsigned long long)++serial);
    memcpy(answer->bytes + answer->request_id, id, 22);
    memcpy(answer->bytes + answer->message_id, id, 22);
    if (!deliver(fd, answer->bytes, answer->ends[0])) return;
    if (!client->last) {
        answered++;
        return;
    }
    client->answer = answer;
    client->piece = 0;
    client->at = now_us() + (uint64_t)client->pace_ms * 1000;
    due_add(client->at, fd, client->turn);
}

static void go_on(int fd) {
    struct client *client = &clients[fd];
    const struct answer *answer = client->answer;
    size_t from = answer->ends[client->piece++];
    if (!deliver(fd, answer->bytes + from, answer->ends[client->piece] - from)) return;
    if (client->piece == client->last) {
        client->answer = NULL;
        answered++;
        return;
    }
    client->at += (uint64_t)client->pace_ms * 1000;
    due_add(client->at, fd, client->turn);
}

static void tell(int fd) {
    char text[160], count[32];
    int length = sprintf(count, "%llu", (unsigned long long)answered);
    int size = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", length, count);
    deliver(fd, text, (size_t)size);
}

/* Answers a request once it is there whole. */
static void hear(int fd) {
    struct client *client = &clients[fd];
    if (client->room - client->got < 4096) client->in = grown(client->in, client->room = client->room * 2 + 8192);
    ssize_t size = read(fd, client->in + client->got, client->room - client->got - 1);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    client->got += (size_t)size;
    client->in[client->got] = 0;
    char *body = strstr(client->in, "\r\n\r\n");
    if (!body) return;
    body += 4;
    char *told = strcasestr(client->in, "\r\ncontent-length:");
    size_t length = told && told < body ? strtoul(told + 17, NULL, 10) : 0;
    if ((size_t)(body - client->in) + length > client->got) return;
    client->got = 0;
    if (!strncmp(client->in, "GET", 3)) tell(fd);
    else begin(fd, body);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: upstream PORT\n");
        return 2;
    }
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    serial = (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = loopback(atoi(arguments[1]));
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    prepare(listener);
    epoll = epoll_create1(0);
    watch(epoll, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[256];
        int found = epoll_wait(epoll, events, 256, due_wait());
        for (int each = 0; each < found; each++) {
            int fd = events[each].data.fd;
            if (fd != listener) {
                hear(fd);
                continue;
            }
            for (int made; (made = accept(listener, NULL, NULL)) >= 0;) {
                if (made >= MOST) {
                    close(made);
                    continue;
                }
                prepare(made);
                watch(epoll, made, EPOLLIN);
            }
        }
        for (uint64_t now = now_us(); heap_size && heap[0].at <= now;) {
            struct due due = due_take();
            if (clients[due.fd].turn == due.turn && clients[due.fd].answer) go_on(due.fd);
        }
    }
}

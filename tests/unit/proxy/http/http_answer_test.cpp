#include "proxy/http/http_answer.hpp"

#include <catch2/catch.hpp>

using namespace trunkline::proxy;
using Catch::Contains;
using Catch::EndsWith;
using Catch::StartsWith;

TEST_CASE("answer: 101 carries the accept key and the sub-protocol", "[proxy][listener][answer]") {
    UpgradeRequest request;
    request.key = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 §1.3
    CHECK(switching_protocols(request, "") ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    CHECK_THAT(switching_protocols(request, "chat"), EndsWith("\r\nSec-WebSocket-Protocol: chat\r\n\r\n"));
}

TEST_CASE("answer: a refusal is a whole answer that closes", "[proxy][listener][answer]") {
    auto refusal = unavailable(RefuseReason::no_app_server, "No app server.");
    const auto answer = refusal_answer(refusal);
    CHECK_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK_THAT(answer, Contains("\r\nConnection: close\r\n"));
    CHECK_THAT(answer, Contains("\r\nRetry-After: "));
    CHECK_THAT(answer, Contains("\r\nContent-Length: 15\r\n"));
    CHECK_THAT(answer, EndsWith("\r\n\r\nNo app server.\n"));

    refusal.omit_body = true;
    CHECK_THAT(refusal_answer(refusal), EndsWith("\r\n\r\n"));
    refusal.status = 426;
    CHECK_THAT(refusal_answer(refusal), Contains("\r\nConnection: close, Upgrade\r\n"));
    refusal.status = 418;  // with `ask` the app may choose any
    CHECK_THAT(refusal_answer(refusal), StartsWith("HTTP/1.1 418 Refused\r\n"));
}

TEST_CASE("answer: a file, or word that the client has it", "[proxy][listener][answer]") {
    StaticFile file;
    file.content = "body";
    file.type = "text/plain; charset=utf-8";
    file.etag = "\"abc\"";

    struct Row {
        std::string if_none_match;
        bool is_head;
        bool fresh;
    };
    const auto row = GENERATE(values<Row>({{"", false, false},
                                           {"", true, false},
                                           {"\"abc\"", false, true},
                                           {"\"x\", W/\"abc\"", false, true},
                                           {"*", true, true},
                                           {"\"ab\"", false, false},
                                           {"abc", false, false}}));
    CAPTURE(row.if_none_match, row.is_head);
    FileRequest request;
    request.if_none_match = row.if_none_match;
    request.is_head = row.is_head;
    request.keep_alive = row.is_head;
    const auto answer = file_answer(request, file);
    CHECK_THAT(answer.head, StartsWith(row.fresh ? "HTTP/1.1 304 Not Modified\r\n" : "HTTP/1.1 200 OK\r\n"));
    CHECK_THAT(answer.head, Contains("\r\nETag: \"abc\"\r\n") && Contains("\r\nX-Content-Type-Options: nosniff\r\n"));
    CHECK_THAT(answer.head, EndsWith("\r\n\r\n"));
    CHECK((answer.head.find("\r\nContent-Length: 4\r\n") != std::string::npos) == !row.fresh);
    CHECK((answer.head.find("\r\nConnection: close\r\n") != std::string::npos) == !row.is_head);
    CHECK(answer.body == (row.fresh || row.is_head ? "" : "body"));
}

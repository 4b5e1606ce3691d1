// Errors of an upstream that was asked with a key of ours, on paths whose answers are not judged: as they came, or not
// at all.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <utility>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

constexpr auto key = "sk-configured/canary+0123456789";

void with_key(config::snapshot& made) {
  for (auto& u : made.upstreams) u.credential = secret(key);
}

const std::string get_file = "GET /v1/files/file-1 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
const std::string native = "GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string error_head(const std::string& fields, const std::string& status = "400 Bad Request") {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + fields + "\r\n";
}
std::string error_with_length(const std::string& body, const std::string& fields = {}) {
  return error_head("Content-Length: " + std::to_string(body.size()) + "\r\n" + fields) + body;
}
std::string error_in_chunks(const std::string& body, std::size_t size, const std::string& fields = {}) {
  auto out = error_head("Transfer-Encoding: chunked\r\n" + fields);
  for (std::size_t i = 0; i < body.size(); i += size) out += chunk(body.substr(i, size));
  return out + "0\r\n\r\n";
}
/// The beginning of the key comes before the key.
std::string echo(const std::string& said) { return R"({"error":{"message":"sk-configured; you sent )" + said + "\"}}"; }

void expect_withheld(const std::string& heard, int status, std::string_view why, const std::string& what) {
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 " + std::to_string(status) + " ")) << what << "\n" << heard;
  EXPECT_NE(heard.find("X-Tideover-Tier: none\r\n"), std::string::npos) << what << "\n" << heard;
  EXPECT_NE(heard.find("X-Tideover-Error: error_withheld\r\n"), std::string::npos) << what << "\n" << heard;
  EXPECT_NE(payload(heard).find(why), std::string::npos) << what << "\n" << heard;
  EXPECT_EQ(heard.find("you sent"), std::string::npos) << what << "\n" << heard;
}

struct heard_of {
  std::string answer;
  exchange_record record;
};

/// `request`, and what `upstream` says to it, in two pieces.
heard_of ask(const std::string& request, std::size_t upstream, const std::string& says, std::size_t at = 1) {
  bench_of_one bench(with_key);
  int const asked = bench.connect(upstream);
  bench.say(bench.caller(), request);
  EXPECT_NE(bench.hear(asked).find(key), std::string::npos);
  bench.say(asked, says.substr(0, at));
  bench.say(asked, says.substr(at));
  auto answer = bench.hear(bench.caller());
  EXPECT_EQ(bench.reported().records.size(), 1U);
  return {std::move(answer), bench.reported().records.at(0)};
}

TEST(Withheld, IsAnErrorThatRepeatsTheKeyHoweverItIsFramedAndSplit) {
  auto const body = echo(key);
  for (auto const& wire : {error_with_length(body), error_in_chunks(body, 1000), error_in_chunks(body, 7)}) {
    for (std::size_t at = 1; at < wire.size(); ++at) {
      bench_of_one bench(with_key);
      int const cloud = bench.connect(bench_of_one::cloud);
      bench.say(bench.caller(), get_file);
      ASSERT_NE(bench.hear(cloud).find(key), std::string::npos);
      bench.say(cloud, wire.substr(0, at));
      ASSERT_EQ(bench.hear(bench.caller()), "") << "nothing passes before all was seen";
      bench.say(cloud, wire.substr(at));
      expect_withheld(bench.hear(bench.caller()), 400, "repeats the configured key", wire);
      if (HasFailure()) return;
    }
  }
}

TEST(Withheld, ItsStatusPassesAndTheCallersConnectionAndTheClouds) {
  bench_of_one bench([](config::snapshot& made) {
    with_key(made);
    made.upstreams[bench_of_one::cloud].breaker.failures_to_open = 1;
  });
  int const cloud = bench.connect(bench_of_one::cloud);
  for (int const status : {400, 401, 404, 418, 429}) {
    bench.say(bench.caller(), get_file);
    ASSERT_NE(bench.hear(cloud), "") << status;
    auto const body = echo(key);
    bench.say(cloud, "HTTP/1.1 " + std::to_string(status) + " No\r\nRetry-After: 17\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n" + body);
    auto const heard = bench.hear(bench.caller());
    expect_withheld(heard, status, "OpenAI answered with status " + std::to_string(status), "");
    EXPECT_EQ(heard.find("Retry-After: 17\r\n") != std::string::npos, status == 429) << heard;
    auto const& record = bench.reported().records.back();
    EXPECT_EQ(record.status, status);
    EXPECT_EQ(record.upstream, "openai");
    EXPECT_EQ(record.error_code, "error_withheld");
    EXPECT_FALSE(record.why) << "it is no failure of the cloud";
  }
  EXPECT_EQ(bench.health().connection_state(bench_of_one::cloud), policy::circuit_breaker::state::closed);
}

TEST(Withheld, IsWhatRepeatsTheKeyInItsHeadOrInAnotherForm) {
  struct row {
    const char* what;
    std::string wire;
    int status = 400;
  };
  std::string const empty = "Content-Length: 0\r\n";
  for (auto const& [what, wire, status] : std::vector<row>{
           {"a field's value",
            error_with_length("{}", "WWW-Authenticate: Bearer realm=\"" + std::string(key) + "\"\r\n")},
           {"a field of a body that is not read",
            error_head("Transfer-Encoding: chunked\r\nx-request-id: " + std::string(key) + "\r\n") + "5\r\nyou s"},
           {"a field's value, as of Basic",
            error_with_length("{}", "x-sent: Basic dTpzay1jb25maWd1cmVkL2NhbmFyeSswMTIzNDU2Nzg5\r\n")},
           {"the reason phrase", error_head(empty, "401 you sent " + std::string(key)), 401},
           {"JSON", error_with_length(echo(R"(sk-configured\/canary\u002b0123456789)"))},
           {"JSON in chunks", error_in_chunks(echo(R"(sk-configured\/canary\u002b0123456789)"), 5)},
           {"a URL", error_in_chunks(echo("sk-configured%2Fcanary%2b0123456789"), 5)},
           {"base64", error_in_chunks(echo("dTpzay1jb25maWd1cmVkL2NhbmFyeSswMTIzNDU2Nzg5"), 5)},
           {"no length", error_head("Connection: close\r\n") + echo(key)},
       }) {
    bench_of_one bench(with_key);
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), get_file);
    ASSERT_NE(bench.hear(cloud), "") << what;
    bench.say(cloud, wire);
    ::shutdown(cloud, SHUT_WR);
    bench.run();
    expect_withheld(bench.hear(bench.caller()), status, "repeats the configured key", what);
  }
}

TEST(Withheld, IsWhatCannotBeSearched) {
  std::string const long_body(65537, 'x');
  for (auto const* coding : {"gzip", "br", "zstd", "GZIP, identity"}) {
    auto const field = "Content-Encoding: " + std::string(coding) + "\r\n";
    for (auto const& wire : {error_with_length("you sent", field), error_in_chunks("you sent", 3, field)})
      expect_withheld(ask(get_file, bench_of_one::cloud, wire).answer, 400, "is compressed", coding);
  }
  for (auto const& wire : {error_with_length(long_body), error_in_chunks(long_body, 5000)})
    expect_withheld(ask(get_file, bench_of_one::cloud, wire).answer, 400, "is too long", "");
}

TEST(Withheld, IsALocalServersErrorInItsOwnShape) {
  auto const [answer, record] = ask(native, bench_of_one::local, error_in_chunks(echo(key), 9));
  expect_withheld(answer, 400, "Ollama answered with status 400", "");
  EXPECT_TRUE(payload(answer).starts_with("{\"error\":\"")) << answer;
  EXPECT_EQ(record.upstream, "ollama");
}

TEST(Withheld, IsNoErrorWithoutTheKeyWhichPassesByteForByte) {
  std::string const small = "{ \"error\" : {\"message\":\"sk-configured\\/canar \\u00e9\"} }\n";
  std::string const large(65536, 'x');
  for (auto const& body : {small, large, std::string()}) {
    for (auto const& wire :
         {error_with_length(body, "x-request-id: up-1\r\n"), error_in_chunks(body, 1000, "x-request-id: up-1\r\n"),
          error_with_length(body, "x-request-id: up-1\r\nContent-Encoding: identity\r\n")}) {
      for (std::size_t at = 1; at<std::min<std::size_t>(wire.size(), 400); at += body.size()> 1000 ? 50 : 3) {
        auto const [answer, record] = ask(get_file, bench_of_one::cloud, wire, at);
        ASSERT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
        ASSERT_EQ(payload(answer), body);
        ASSERT_NE(answer.find("x-request-id: up-1\r\n"), std::string::npos) << answer;
        ASSERT_NE(answer.find("X-Tideover-Tier: cloud\r\n"), std::string::npos) << answer;
        ASSERT_EQ(record.how, outcome::answered);
      }
    }
  }
}

TEST(Withheld, IsNoGoodAnswerAndNothingWithoutAKeyOfOurs) {
  std::string const ok = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
  {
    bench_of_one bench(with_key);
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), get_file);
    (void)bench.hear(cloud);
    bench.say(cloud, ok + chunk("a part"));
    EXPECT_NE(bench.hear(bench.caller()).find("a part"), std::string::npos) << "good answers pass as they come";
  }
  bench_of_one bench;
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), get_file);
  (void)bench.hear(cloud);
  bench.say(cloud, error_head("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n") + chunk("a part"));
  EXPECT_NE(bench.hear(bench.caller()).find("a part"), std::string::npos) << "a caller's own key is its affair";
}

TEST(Withheld, IsNotAskedOfACloudThatIsToldToAnswerInTheClear) {
  for (bool const ours : {true, false}) {
    bench_of_one bench([&](config::snapshot& made) {
      if (ours) with_key(made);
    });
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), get_file);
    auto const asked = bench.hear(cloud);
    EXPECT_NE(asked.find(ours ? "Accept-Encoding: identity\r\n" : "Accept-Encoding: gzip\r\n"), std::string::npos)
        << asked;
  }
}

/// What is judged may go to somebody else instead: another candidate, here the local tier.
TEST(Withheld, OnAJudgedRouteIsAFailure) {
  for (auto const& [wire, why] : std::initializer_list<std::pair<std::string, const char*>>{
           {error_in_chunks(echo(key), 7), "repeats"},
           {error_with_length("you sent", "Content-Encoding: gzip\r\n"), "is compressed"},
           {error_with_length(std::string(70000, 'x')), "is too long"}}) {
    bench_of_one bench(with_key);
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    auto request = chat_request(false);
    request.insert(request.find("Content-Type"), "Accept-Encoding: gzip\r\n");
    bench.say(bench.caller(), request);
    ASSERT_NE(bench.hear(cloud), "");
    bench.say(cloud, wire);
    ASSERT_NE(bench.hear(local), "") << why;
    bench.say(local, local_answer(false));
    EXPECT_EQ(text_of_chat(payload(bench.hear(bench.caller()))), "local") << why;
    auto const& record = bench.reported().records.at(0);
    EXPECT_EQ(record.why, reason::malformed);
    EXPECT_NE(record.detail.find(why), std::string::npos) << record.detail;
  }
}

/// The text that is quoted from a local server's error is shortened: half a key is a leak, too.
TEST(Withheld, ALocalServersRefusalIsNotQuotedWhereAnyOfItRepeatsTheKey) {
  bench_of_one bench([](config::snapshot& made) {
    with_key(made);
    made.workflows.at("default").policy = policy_kind::local_only;
  });
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(false));
  ASSERT_NE(bench.hear(local), "");
  bench.say(local, error_with_length(R"({"error":")" + std::string(280, 'a') + " " + key + "\"}"));
  auto const heard = bench.hear(bench.caller());
  EXPECT_NE(heard.find("local_refused"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("sk-configured"), std::string::npos) << heard;
}

}  // namespace
}  // namespace tideover::proxy::test

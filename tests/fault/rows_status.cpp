// E: what the cloud's status says.
#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls some_of_each{call::chat, call::messages, call::chat_stream, call::messages_stream};
const calls openai_only{call::chat, call::responses_stream};

const expectation failing = served_locally("server_error", blamed::service);
const expectation limited = served_locally("rate_limited", blamed::nobody);
const expectation penniless = served_locally("quota", blamed::nobody);

/// An error in the words of the caller's dialect.
std::function<void(stage&)> says(int status, field_list extra = {}) {
  return [=](stage& s) { s.cloud_says(status, cloud_error(s.played.asked), extra); };
}
std::function<void(stage&)> says(int status, std::string type, std::string code, field_list extra = {},
                                 std::string message = "No") {
  return [=](stage& s) { s.cloud_says(status, cloud_error(s.played.asked, type, code, message), extra); };
}
std::function<void(stage&)> status_line(std::string line) {
  return [=](stage& s) {
    s.cloud_does(raw_bytes(line + "\r\nContent-Type: application/json\r\nContent-Length: " +
                           std::to_string(s.expected.size()) + "\r\n\r\n" + s.expected));
  };
}

std::function<void(stage&)> with_key_of_the_house(std::function<void(stage&)> and_then) {
  return [and_then](stage& s) {
    auto& more = is_anthropic(s.played.asked) ? s.options.anthropic_more : s.options.openai_more;
    more = ", credential: {env: CLOUD_KEY}";
    s.options.environment["CLOUD_KEY"] = "sk-of-the-house";
    and_then(s);
  };
}

/// Asks again at once: what rests is not asked.
observed asked_again(stage& s) {
  EXPECT_EQ(s.ask().field("x-tideover-failover"), s.played.expected.reason);
  auto const before = s.home->local_generations().size();
  auto const seen = s.ask();
  EXPECT_EQ(s.home->local_generations().size(), before + 1);
  return seen;
}

}  // namespace

void add_status_rows(table& all) {
  for (auto const& [id, code] :
       std::vector<std::pair<std::string, int>>{{"E1", 500}, {"E2", 502}, {"E3", 503}, {"E4", 504}})
    all.add(id, "status_" + std::to_string(code), "The cloud answers " + std::to_string(code), all_generations, failing,
            says(code));
  for (int const code : {501, 505, 507, 520, 521, 522, 523, 524, 525, 526, 527, 530, 598, 599})
    all.add("E5_" + std::to_string(code), "status", "The cloud's edge answers " + std::to_string(code), {call::chat},
            failing, says(code));
  all.add("E5", "overloaded", "The cloud is overloaded (529)", some_of_each, failing,
          says(529, "overloaded_error", "", {{"x-should-retry", "true"}}, "Overloaded"));
  all.add("E6", "status_408", "The cloud answers 408", some_of_each, failing, says(408));
  all.add("E6b", "status_409", "The cloud answers 409", some_of_each, failing, says(409));
  all.add("E7", "limited_with_seconds", "429 with Retry-After in seconds", all_generations, limited,
          says(429, "rate_limit_error", "rate_limit_exceeded", {{"Retry-After", "30"}}));
  int n = 0;
  for (auto const* wait : {"Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999999999999",
                           "-5", "soon", "0.5", ""})
    all.add("E8" + std::string(1, static_cast<char>('a' + n++)), "limited_with_odd_wait",
            *wait == '\0' ? "429 with an empty Retry-After" : std::string("429 with Retry-After `") + wait + '`',
            {call::chat}, limited, says(429, "requests", "rate_limit_exceeded", {{"Retry-After", wait}}));
  all.add("E8h", "limited_with_milliseconds", "429 with retry-after-ms", {call::chat, call::messages_stream}, limited,
          says(429, "rate_limit_error", "rate_limit_exceeded", {{"retry-after-ms", "1500"}}));
  all.add("E8i", "limited_without_wait", "429 without any Retry-After", some_of_each, limited,
          says(429, "rate_limit_error", "rate_limit_exceeded"));
  all.add("E8j", "limited_without_body", "429 without a body", {call::chat, call::messages_stream}, limited,
          [](stage& s) { s.cloud_says(429, ""); });
  all.add("E8k", "limited_in_html", "429 as an HTML page", {call::chat}, limited,
          [](stage& s) { s.cloud_says(429, std::string(html_page), {}, "text/html"); });
  all.add("E8l", "slow_down", "503 with the code slow_down", openai_only, limited,
          says(503, "rate_limit_error", "slow_down"));
  all.add("E8m", "asked_while_it_rests", "The caller asks again while the cloud rests after a 429", some_of_each,
          limited, says(429, "rate_limit_error", "rate_limit_exceeded", {{"Retry-After", "30"}}),
          {.act = asked_again, .never = {{"the cloud is asked again before its time", [](stage& s, const observed&) {
                                            EXPECT_EQ(s.cloud_requests().size(), 1U);
                                          }}}});
  all.add(
      "E9", "limit_of_another_key", "429 was for another key", {call::chat, call::messages},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 2;
        return e;
      }(),
      [](stage& s) {
        s.cloud.once(s.path, reply(429, cloud_error(s.played.asked, "rate_limit_error", "rate_limit_exceeded"),
                                   {{"Retry-After", "30"}}));
      },
      {.act = [](stage& s) {
        raw_client client(s.home->port());
        EXPECT_EQ(s.ask(client, "sk-of-somebody-else").field("x-tideover-failover"), "rate_limited");
        return s.ask(client);
      }});
  for (auto const& [id, code] :
       std::vector<std::pair<std::string, std::string>>{{"E10a", "insufficient_quota"},
                                                        {"E10b", "billing_hard_limit_reached"},
                                                        {"E10c", "billing_not_active"},
                                                        {"E10d", "credit_balance_exhausted"},
                                                        {"E10e", "organization_spend_limit_exceeded"}})
    all.add(id, "no_money_left", "429 with the code " + code, openai_only, penniless,
            says(429, "insufficient_quota", code));
  all.add("E10f", "payment_required", "The cloud answers 402", some_of_each, penniless,
          says(402, "billing_error", "", {}, "Your credit balance is too low"));
  all.add("E10g", "spend_limit", "429 with the code enforced_spend_limit_reached and no Retry-After",
          {call::messages, call::messages_stream}, penniless,
          says(429, "rate_limit_error", "enforced_spend_limit_reached"));
  all.add("E10h", "own_limit", "400 with the words of a spend limit that was reached",
          {call::messages, call::messages_stream}, penniless,
          says(400, "invalid_request_error", "", {},
               "You have reached your specified API usage limits. You will regain access on 2026-06-01."));
  all.add("E10i", "no_money_left_asked_again", "The caller asks again while there is no money left", {call::chat},
          penniless, says(429, "insufficient_quota", "insufficient_quota"),
          {.act = asked_again, .never = {{"the cloud is asked again before its time", [](stage& s, const observed&) {
                                            EXPECT_EQ(s.cloud_requests().size(), 1U);
                                          }}}});
  for (int const code : {401, 403}) {
    all.add("E11_" + std::to_string(code), "own_key_refused",
            "The cloud refuses the caller's own key with " + std::to_string(code), some_of_each, passed_on(code),
            says(code, "authentication_error", "invalid_api_key", {{"WWW-Authenticate", "Bearer"}}));
    all.add("E11b_" + std::to_string(code), "configured_key_refused",
            "The cloud refuses the configured key with " + std::to_string(code), some_of_each,
            served_locally("auth", blamed::nobody),
            with_key_of_the_house(says(code, "authentication_error", "invalid_api_key")));
  }
  all.add("E11c", "everybodys_key_refused", "Three keys that worked are refused within a minute", {call::chat},
          [] {
            auto e = served_locally("auth", blamed::nobody);
            e.cloud_asked_most = 8;
            return e;
          }(),
          {}, {.act = [](stage& s) {
            raw_client client(s.home->port());
            for (auto const* key : {"sk-1", "sk-2", "sk-3"}) EXPECT_EQ(s.ask(client, key).status(), 200);
            EXPECT_EQ(s.ask(client).status(), 200);
            s.cloud_says(401, cloud_error(s.played.asked, "authentication_error", "invalid_api_key"));
            for (auto const* key : {"sk-1", "sk-2", "sk-3"}) (void)s.ask(client, key);
            return s.ask(client);
          }});
  for (int const code : {400, 404, 405, 413, 418, 422, 451})
    all.add("E12_" + std::to_string(code), "about_the_request", "The cloud answers " + std::to_string(code),
            code == 404 || code == 413 || code == 422 || code == 400 ? all_generations : calls{call::chat},
            passed_on(code), says(code, "invalid_request_error", "model_not_found", {{"x-request-id", "req_cloud"}}));
  all.add("E12b", "context_too_long", "The prompt is longer than the model's window", {call::chat, call::chat_stream},
          passed_on(400),
          says(400, "invalid_request_error", "context_length_exceeded", {}, "maximum context length is 128000"));
  all.add("E12c", "plain_words", "400 with words that are no JSON", some_of_each, passed_on(400),
          [](stage& s) { s.cloud_says(400, "plain words", {}, "text/plain"); });
  all.add("E12d", "empty_404", "404 without a body", {call::chat, call::messages_stream}, passed_on(404),
          [](stage& s) { s.cloud_says(404, ""); });
  for (int const code : {301, 302, 303, 307, 308})
    all.add("E13_" + std::to_string(code), "redirect", "The cloud redirects with " + std::to_string(code), some_of_each,
            served_locally("redirect", blamed::service),
            [code](stage& s) {
              s.cloud_says(code, "", {{"Location", "http://127.0.0.1:" + std::to_string(s.local.port()) + "/steal"}});
            },
            {.never = {{"the redirect is followed or passed on", [](stage& s, const observed& seen) {
                          EXPECT_TRUE(s.local.requests_to("/steal").empty());
                          EXPECT_FALSE(seen.answer.has("location"));
                        }}}});
  all.add("E13b", "redirect_with_nobody_else", "The cloud redirects, and Ollama is away", {call::chat},
          own_error(503, "local_unavailable", "redirect", blamed::service), [](stage& s) {
            s.cloud_says(302, "", {{"Location", "http://evil.example/"}});
            s.local_is_down();
          });
  n = 0;
  for (auto const* line : {"HTTP/1.1 600 Odd", "HTTP/1.1 099 Odd", "HTTP/1.1 1000 Odd", "HTTP/1.1 000 Odd",
                           "HTTP/1.1 20x Odd", "HTTP/1.1 -200 Odd"})
    all.add("E16" + std::string(1, static_cast<char>('a' + n++)), "status_out_of_range",
            std::string("The status line is `") + line + '`', {call::chat},
            served_locally("malformed", blamed::service), status_line(line));
  all.add("E17", "failing_edge", "502 as the HTML page of an edge", some_of_each, failing,
          [](stage& s) { s.cloud_says(502, "<html><h1>502 Bad Gateway</h1></html>", {}, "text/html"); });
  all.add("E18", "failing_without_body", "500 without a body", some_of_each, failing,
          [](stage& s) { s.cloud_says(500, ""); });
  all.add("E19", "failing_with_retry_after", "503 with Retry-After", {call::chat}, failing,
          says(503, {{"Retry-After", "30"}}));
  all.add("E20", "failing_compressed", "503 with a compressed body that the caller does not accept", {call::chat},
          failing, says(503, {{"Content-Encoding", "gzip"}}));
  all.add("E21", "error_cut_short", "500 whose body ends too early", some_of_each,
          served_locally("malformed", blamed::service), [](stage& s) {
            s.cloud_says(500, cloud_error(s.played.asked));
            s.to_cloud.set(side::to_daemon, broken::cut(behind("had an")));
          });
  all.add("E22", "error_that_stalls", "400 whose body never ends", {call::chat, call::messages},
          served_locally("timeout", blamed::service), [](stage& s) {
            s.cloud_is_given_little_time();
            s.cloud_says(400, cloud_error(s.played.asked, "invalid_request_error", "", "This is what you did wrong"));
            s.to_cloud.set(side::to_daemon, broken::stall(behind("what you")));
          });
  all.add(
      "E23", "files_failing", "503 to a path that only the cloud knows", {call::files},
      [] {
        auto e = passed_on(503);
        e.who = blamed::service;
        return e;
      }(),
      says(503, {{"x-request-id", "req_cloud"}}));
  all.add(
      "E24", "files_refused", "The cloud refuses the connection, and only the cloud knows the path", {call::files},
      [] {
        auto e = own_error(503, "cloud_unavailable", "connect", blamed::connection);
        e.cloud_asked_most = 0;
        return e;
      }(),
      [](stage& s) { s.cloud_is_down(); });
}

}  // namespace tideover::test

// X: what a workflow asks for beyond the usual: held and continued streams, hedges, retries, contingency; and crowds.
#include <thread>

#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls some_of_each{call::chat, call::messages, call::chat_stream, call::messages_stream};

void workflow(stage& s, const std::string& keys) {
  s.options.workflows = "workflows: {default: {policy: cloud_first, " + keys + "}, legal: {policy: local_only}}";
}
void holds(stage& s) { workflow(s, "stream: {on_cut: hold}"); }
void continues(stage& s, const std::string& prefill = "yes") {
  workflow(s, "stream: {on_cut: continue}");
  s.options.models = "models: [{cloud: \"*\", local: \"llama3.1:8b\", prefill: " + prefill + "}]";
}
void hedges(stage& s) { workflow(s, "hedge_after: 150ms"); }
void retries(stage& s) {
  auto& more = is_anthropic(s.played.asked) ? s.options.anthropic_more : s.options.openai_more;
  more = ", retry: {attempts: 1, max_wait: 2s}";
  s.failures_to_open = 1000;  // the second try is asked of a breaker, too
}

/// Nobody reads along while a stream is held, so nobody can say when two words are out.
void breaks_off_at_once(stage& s, std::function<void(served_connection&)> end) {
  s.cloud_does(stream_then(s.cloud_events(), s.sent_before_door, std::move(end)));
}

struct way {
  const char* id;
  const char* name;
  const char* words;
  void (*end)(served_connection&);
};
const std::vector<way> ways{
    {"a", "closed", "is closed", [](served_connection& c) { c.close(); }},
    {"b", "reset", "is reset", [](served_connection& c) { c.reset(); }},
    {"c", "ended", "ends in order, without its terminator,", [](served_connection& c) { c.end_stream(); }},
    {"d", "half_an_event", "ends inside an event",
     [](served_connection& c) {
       c.send_chunk("data: {\"half-an-eve");
       c.close();
     }},
};

expectation continued() { return {sees::continued, 200, "cut", "failed_over", blamed::service, "", 1}; }
expectation unasked(expectation e) {
  e.cloud_asked_most = 0;
  return e;
}
expectation asked_twice(expectation e) {
  e.cloud_asked_most = 2;
  return e;
}
expectation first_choice(expectation e) {
  e.outcome = "answered";
  return e;
}

const forbidden cloud_hears_of_it{"a byte of it reaches a cloud",
                                  [](stage& s, const observed&) { EXPECT_EQ(s.to_cloud.connections(), 0U); }};

/// The cloud answers once Ollama has been asked.
script once_local_is_asked(stage& s, script what) {
  return [&s, what](served_connection& c, const recorded_request& r) {
    if (eventually([&] { return s.home->local_generations().size() == 1; })) what(c, r);
  };
}

}  // namespace

void add_other_rows(table& all) {
  for (auto const& how : ways)
    all.add(std::string("X1") + how.id, std::string("held_and_") + how.name,
            std::string("A stream that is held (`on_cut: hold`) ") + how.words + " after content", streams,
            served_locally("cut", blamed::service), [end = how.end](stage& s) {
              holds(s);
              breaks_off_at_once(s, end);
            });
  all.add("X1e", "held_and_stalls", "A stream that is held stalls after content", streams,
          served_locally("cut", blamed::service), [](stage& s) {
            s.cloud_is_given("{connect: 20s, first_content: 60s, response: 60s, idle: 400ms, total: 5m}");
            holds(s);
            breaks_off_at_once(s, [](served_connection& c) { c.say_nothing(); });
          });
  all.add("X2", "held_and_good", "A stream that is held comes to its end", streams, served_by_cloud(), holds);
  all.add("X2b", "held_and_nobody", "A stream that is held is cut, and Ollama refuses the connection", streams,
          own_error(503, "local_unavailable", "cut", blamed::service), [](stage& s) {
            holds(s);
            breaks_off_at_once(s, [](served_connection& c) { c.reset(); });
            s.local_is_down();
          });
  for (auto const& how : ways)
    all.add(std::string("X3") + how.id, std::string("continued_after_") + how.name,
            std::string("A stream that Ollama may continue (`on_cut: continue`) ") + how.words + " after content",
            streams, continued(), [end = how.end](stage& s) {
              continues(s);
              s.cloud_breaks_off(end);
            });
  all.add("X3e", "continued_after_stalling", "A stream that Ollama may continue stalls after content", streams,
          continued(), [](stage& s) {
            s.cloud_is_given("{connect: 20s, first_content: 60s, response: 60s, idle: 400ms, total: 5m}");
            continues(s);
            s.cloud_breaks_off([](served_connection& c) { c.say_nothing(); });
          });
  all.add("X4", "not_continued_without_prefill",
          "A stream is cut after content, and the local model does not go on with a begun answer", streams,
          cut_visibly(), [](stage& s) {
            continues(s, "no");
            s.cloud_breaks_off([](served_connection& c) { c.close(); });
          });
  all.add("X4b", "not_continued_by_nobody",
          "A stream that Ollama may continue is cut after content, and Ollama refuses the connection", streams,
          cut_visibly(), [](stage& s) {
            continues(s);
            s.cloud_breaks_off([](served_connection& c) { c.close(); });
            s.local_is_down();
          });
  all.add("X4c", "not_continued_after_a_tool_call", "A stream that Ollama may continue is cut inside a tool call",
          {call::chat_stream}, cut_visibly(), [](stage& s) {
            continues(s);
            std::string const call =
                "data: {\"id\":\"x\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
                "\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},"
                "\"finish_reason\":null}]}\n\n";
            s.cloud_breaks_off([](served_connection& c) { c.close(); });
            s.expected += call;
            s.cloud_does([begin = s.expected, door = s.door](served_connection& c, const recorded_request&) {
              c.begin_stream();
              c.send_chunk(begin);
              if (c.wait(door) == io::ok) c.close();
            });
          });
  all.add("X5", "hedged", "The cloud is silent for `hedge_after`, and Ollama answers", all_generations,
          served_locally("hedged", blamed::nobody),
          [](stage& s) {
            hedges(s);
            s.cloud_does(silence());
          },
          {.never = {{"the cloud goes on working for nobody", [](stage& s, const observed&) {
                        EXPECT_TRUE(eventually([&] { return s.cloud.peers_that_left() == 1; }));
                      }}}});
  all.add("X5b", "hedge_loses", "The cloud was silent for `hedge_after`, and answers before Ollama does",
          all_generations, served_by_cloud(),
          [](stage& s) {
            hedges(s);
            s.local_does(silence());
            s.cloud_does(
                once_local_is_asked(s, is_stream(s.played.asked) ? stream(s.cloud_events()) : reply(200, s.expected)));
          },
          {.never = {{"Ollama goes on working for nobody", [](stage& s, const observed&) {
                        EXPECT_TRUE(eventually([&] { return s.local.peers_that_left() == 1; }));
                      }}}});
  all.add(
      "X5c", "hedge_and_failure", "The cloud was silent for `hedge_after`, and fails while Ollama works", some_of_each,
      served_locally("server_error", blamed::service),
      [](stage& s) {
        hedges(s);
        s.cloud_does(once_local_is_asked(s, reply(500, cloud_error(s.played.asked))));
        s.when_up = [](stage&) {};  // Ollama is known before its answers are held back
      },
      {.act = [](stage& s) {
        s.to_local.set(side::to_daemon, broken::stall());
        observed seen;
        std::thread caller([&] { seen = s.ask(); });
        EXPECT_TRUE(eventually([&] { return s.daemon().metric("tideover_breaker_state", {"state=\"open\""}) == 1; }));
        s.to_local.set(side::to_daemon, {});
        caller.join();
        return seen;
      }});
  all.add("X5d", "hedge_and_nobody", "The cloud is silent for `hedge_after`, then fails, and Ollama refuses",
          some_of_each, kept_error(500, "server_error", blamed::service), [](stage& s) {
            hedges(s);
            s.local_is_down();
            s.cloud_does([error = cloud_error(s.played.asked)](served_connection& c, const recorded_request&) {
              gate const never;
              c.raw().wait_for(never, steady::now() + 400ms);
              c.answer(500, error);
            });
            s.expected = cloud_error(s.played.asked);
          });
  all.add("X6", "retried", "The cloud answers 503 once, and one more try is allowed", some_of_each,
          asked_twice(served_by_cloud()), [](stage& s) {
            retries(s);
            s.cloud.once(s.path, reply(503, cloud_error(s.played.asked)));
          });
  all.add("X6b", "retried_in_vain", "The cloud answers 503 again and again, and one more try is allowed", some_of_each,
          asked_twice(served_locally("server_error", blamed::service)), [](stage& s) {
            retries(s);
            s.cloud_says(503, cloud_error(s.played.asked));
          });
  all.add("X6c", "silence_not_retried", "The cloud is silent, and one more try is allowed", some_of_each,
          served_locally("timeout", blamed::connection), [](stage& s) {
            s.cloud_is_given_little_time();
            retries(s);
            s.cloud_does(silence());
          });
  all.add("X6d", "taken_request_not_retried",
          "The cloud closes without a byte of an answer, and one more try is allowed", some_of_each,
          served_locally("connect", blamed::connection), [](stage& s) {
            retries(s);
            s.cloud_does(hang_up());
          });
  all.add("X6e", "refused_and_retried", "The cloud refuses the connection, and one more try is allowed", some_of_each,
          unasked(served_locally("connect", blamed::connection)), [](stage& s) {
            retries(s);
            s.cloud_is_down();
          });
  all.add("X7", "contingency", "Contingency is on", all_generations,
          unasked(served_locally("contingency", blamed::nobody)),
          [](stage& s) { s.options.environment["TIDEOVER_CONTINGENCY"] = "all"; }, {.never = {cloud_hears_of_it}});
  all.add("X7b", "contingency_and_nobody", "Contingency is on, and Ollama refuses the connection", all_generations,
          unasked(own_error(503, "local_unavailable", "contingency", blamed::nobody)),
          [](stage& s) {
            s.options.environment["TIDEOVER_CONTINGENCY"] = "all";
            s.local_is_down();
          },
          {.never = {cloud_hears_of_it}});
  all.add("X7c", "local_only", "The workflow may only be served locally", all_generations,
          first_choice(unasked(served_locally("policy", blamed::nobody))),
          [](stage& s) { s.fields.emplace_back("X-Tideover-Workflow", "legal"); }, {.never = {cloud_hears_of_it}});
  all.add("X7d", "contingency_and_cloud_only", "Contingency is on, and the workflow may only be served by the cloud",
          {call::chat, call::messages}, unasked(own_error(503, "cloud_unavailable", "contingency", blamed::nobody)),
          [](stage& s) {
            s.options.environment["TIDEOVER_CONTINGENCY"] = "all";
            s.options.workflows = "workflows: {default: {policy: cloud_only}}";
          },
          {.never = {cloud_hears_of_it}});
  all.add(
      "X8", "crowd_of_a_failing_cloud", "Fifty callers at once, and the cloud resets each of them",
      {call::chat, call::chat_stream, call::messages_stream},
      [] {
        auto e = served_locally("connect", blamed::connection);
        e.cloud_asked_most = 51;
        return e;
      }(),
      [](stage& s) {
        s.failures_to_open = 1000;
        s.cloud_does(reset_connection());
      },
      {.act = [](stage& s) {
        std::vector<std::unique_ptr<raw_client>> clients;
        for (int i = 0; i < 50; ++i) {
          auto& client = *clients.emplace_back(std::make_unique<raw_client>(s.home->port()));
          client.send(s.request_text());
          ++s.requests_sent;
        }
        for (auto& client : clients) {
          auto const answer = client->read_answer();
          EXPECT_EQ(answer.status, 200);
          EXPECT_TRUE(answer.complete());
          EXPECT_EQ(text_of(answer.body), local_text);
        }
        return s.ask();
      }});
}

}  // namespace tideover::test

// I: the local side, when the cloud has failed already or is not to be asked.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls some_of_each{call::chat, call::messages, call::chat_stream, call::messages_stream};

/// The cloud refuses, so everything depends on Ollama.
std::function<void(stage&)> without_cloud(std::function<void(stage&)> and_then) {
  return [and_then](stage& s) {
    s.cloud_is_down();
    if (and_then) and_then(s);
  };
}

expectation unheard(expectation e) {
  e.cloud_asked_most = 0;
  return e;
}
const expectation nobody_there = unheard(own_error(503, "local_unavailable", "connect", blamed::connection));
const expectation local_cut = unheard(cut_visibly(blamed::connection));
const expectation refused_for_length = [] {
  auto e = unheard(own_error(400, "context_length_exceeded", "connect", blamed::connection));
  e.outcome = "refused";
  return e;
}();
const expectation local_good = unheard(served_locally("connect", blamed::connection));

std::string native_or(const recorded_request& r, const std::string& native, const std::string& other) {
  return r.path().rfind("/api/", 0) == 0 ? native : other;
}

/// An error as Ollama's routes say it, each in its own words.
script local_error(int status, std::string message) {
  return [=](served_connection& c, const recorded_request& r) {
    if (r.path() == "/v1/messages")
      c.answer(status, anthropic::error(status == 404 ? "not_found_error" : "api_error", message));
    else
      c.answer(status, native_or(r, nlohmann::json{{"error", message}}.dump(), ollama::error(status, message)));
  };
}

/// Breaks what Ollama answers behind a text of its answer. Only once the daemon knows its models: it is about the
/// answer.
std::function<void(stage&)> local_breaks(std::function<wire_fault(stage&)> how) {
  return without_cloud([how](stage& s) {
    s.when_up = [how](stage& up) {
      up.expected.clear();
      up.to_local.set(side::to_daemon, how(up));
    };
  });
}

/// How many are inside, and how many there were at most.
class crowd {
 public:
  void enter() {
    std::lock_guard const lock(mutex_);
    most_ = std::max(most_, ++inside_);
  }
  void leave() {
    std::lock_guard const lock(mutex_);
    --inside_;
  }
  int most() const {
    std::lock_guard const lock(mutex_);
    return most_;
  }

 private:
  mutable std::mutex mutex_;
  int inside_ = 0;
  int most_ = 0;
};

forbidden asked_once{"Ollama is asked again and again",
                     [](stage& s, const observed&) { EXPECT_LE(s.home->local_generations().size(), 1U); }};

}  // namespace

void add_local_rows(table& all) {
  all.add("I1", "both_refuse", "Cloud and Ollama refuse the connection", all_generations, nobody_there,
          without_cloud([](stage& s) { s.local_is_down(); }));
  for (int const code : {500, 503, 529})
    all.add(
        "I2_" + std::to_string(code), "cloud_says_why",
        "The cloud answers " + std::to_string(code) + ", and Ollama refuses the connection", all_generations,
        kept_error(code, "server_error", blamed::service), [code](stage& s) {
          s.cloud_says(code, cloud_error(s.played.asked), {{"x-request-id", "req_cloud"}, {"x-should-retry", "true"}});
          s.local_is_down();
        });
  all.add("I2b", "cloud_limits", "The cloud answers 429, and Ollama refuses the connection", some_of_each,
          kept_error(429, "rate_limited", blamed::nobody),
          [](stage& s) {
            s.cloud_says(429, cloud_error(s.played.asked, "rate_limit_error", "rate_limit_exceeded"),
                         {{"Retry-After", "7"}});
            s.local_is_down();
          },
          {.never = {{"the cloud's own wait is lost",
                      [](stage&, const observed& seen) { EXPECT_EQ(seen.field("retry-after"), "7"); }}}});
  all.add("I2c", "cloud_said_nonsense", "The cloud answers nonsense, and Ollama refuses the connection", some_of_each,
          own_error(503, "local_unavailable", "malformed", blamed::service), [](stage& s) {
            s.cloud_says(200, "nonsense");
            s.local_is_down();
          });
  all.add("I2d", "cloud_silent", "The cloud is silent, and Ollama refuses the connection",
          {call::chat, call::messages_stream}, own_error(503, "local_unavailable", "timeout", blamed::connection),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.cloud_does(silence());
            s.local_is_down();
          });
  all.add("I3", "cold_start", "Ollama is silent for longer than a cloud may be, while it loads a model",
          all_generations, local_good, without_cloud([](stage& s) {
            s.cloud_is_given_little_time();
            s.to_local.set(side::to_upstream, {});
            s.when_up = [](stage& up) {
              // Every route waits a while before its usual answer.
              up.to_local.set(side::to_daemon, broken::slow(3000));
            };
          }));
  all.add("I4", "model_missing", "The model that stands in is not installed", some_of_each,
          unheard(own_error(503, "local_model_missing", "connect", blamed::connection)), without_cloud([](stage& s) {
            ollama::model vectors;
            vectors.name = "nomic-embed-text:latest";
            vectors.capabilities = {"embedding"};
            serve_ollama(s.local, {vectors});
          }));
  all.add("I4b", "model_removed", "The model was removed since Ollama was last looked at", some_of_each,
          unheard(own_error(503, "local_model_missing", "connect", blamed::connection)),
          without_cloud([](stage& s) { s.local_does(local_error(404, "model 'llama3.1:8b' not found")); }));
  all.add("I4c", "path_missing", "What answers there does not know Ollama's routes (404)", some_of_each, nobody_there,
          without_cloud([](stage& s) { s.local_does(local_error(404, "404 page not found")); }));
  all.add("I5", "busy", "Ollama's queue is full (503)", some_of_each,
          unheard(own_error(503, "local_queue_full", "connect", blamed::connection)), without_cloud([](stage& s) {
            s.local_does(local_error(503, "server busy, please try again.  maximum pending requests exceeded"));
          }));
  all.add("I6", "out_of_memory", "Ollama's runner dies before it answers (500)", all_generations, nobody_there,
          without_cloud(
              [](stage& s) { s.local_does(local_error(500, "llama-server process has terminated: signal: killed")); }),
          {.never = {asked_once}});
  all.add("I7", "hangs_up", "Ollama closes without a byte", some_of_each, nobody_there,
          without_cloud([](stage& s) { s.local_does(hang_up()); }), {.never = {asked_once}});
  all.add("I7b", "resets", "Ollama resets without a byte", some_of_each, nobody_there,
          without_cloud([](stage& s) { s.local_does(reset_connection()); }), {.never = {asked_once}});
  all.add("I7c", "stays_silent", "Ollama takes the request and says nothing", some_of_each, nobody_there,
          without_cloud([](stage& s) {
            s.options.local_timeouts = "{connect: 20s, first_content: 400ms, response: 400ms, idle: 60s, total: 5m}";
            s.local_does(silence());
          }),
          {.never = {asked_once, {"Ollama goes on working for nobody", [](stage& s, const observed&) {
                                    EXPECT_TRUE(eventually([&] { return s.local.peers_that_left() >= 1; }));
                                  }}}});
  all.add("I7d", "blackhole", "Ollama's machine does not answer the connection request",
          {call::chat, call::messages_stream}, nobody_there, without_cloud([](stage& s) {
            s.options.local_timeouts = "{connect: 400ms, first_content: 60s, response: 60s, idle: 60s, total: 5m}";
            s.when_up = [](stage& up) {
              up.to_local.set(fault_gate::door::blackhole);
              up.to_local.drop_all();
            };
          }));
  all.add("I7e", "deadline", "Ollama is silent, and the workflow's deadline passes",
          {call::chat, call::messages_stream},
          unheard(own_error(504, "deadline_exceeded", "connect", blamed::connection)), without_cloud([](stage& s) {
            s.options.workflows = "workflows: {default: {policy: cloud_first, deadline: 600ms}}";
            s.local_does(silence());
          }));
  all.add("I8", "overload", "Thirty callers at once, and Ollama may work for one while four wait",
          {call::chat, call::messages}, unheard(own_error(503, "local_queue_full", "connect", blamed::connection)),
          without_cloud([](stage& s) {
            s.failures_to_open = 1000;  // all thirty find out for themselves that the cloud is away
            s.options.local_more = ", concurrency: 1, queue: {limit: 4, wait: 60s}";
            auto const busy = std::make_shared<crowd>();
            s.props.push_back(busy);
            s.local_does([busy, door = s.door](served_connection& c, const recorded_request& r) {
              busy->enter();
              if (c.wait(door) == io::ok) {
                said const what{.model = "llama3.1:8b", .words = {"The ", "local ", "model ", "answers ", "this."}};
                c.answer(200, native_or(r, ollama::native_chat(what),
                                        r.path() == "/v1/messages" ? ollama::message(what) : ollama::chat(what)));
              }
              busy->leave();
            });
          }),
          {.act =
               [](stage& s) {
                 constexpr std::size_t callers = 30;
                 std::vector<observed> heard(callers);
                 std::atomic<std::size_t> refused{0};
                 std::vector<std::thread> threads;
                 for (auto& mine : heard)
                   threads.emplace_back([&] {
                     mine = s.ask();
                     if (mine.status() == 503) ++refused;
                   });
                 EXPECT_TRUE(eventually([&] { return refused == callers - 5; }, steady::now() + 10s))
                     << refused << " were told at once that the queue is full";
                 s.door.open();
                 for (auto& thread : threads) thread.join();
                 for (auto const& seen : heard)
                   if (seen.status() != 503) {
                     EXPECT_EQ(text_of(seen.body), local_text);
                   }
                 for (auto const& seen : heard)
                   if (seen.status() == 503) return seen;
                 return heard.front();
               },
           .never = {{"Ollama works for more than it may", [](stage& s, const observed&) {
                        EXPECT_LE(std::static_pointer_cast<crowd>(s.props.front())->most(), 1);
                      }}}});
  all.add("I10", "context_too_small", "The prompt is longer than the local model's window", some_of_each,
          refused_for_length, without_cloud([](stage& s) {
            s.local_does(local_error(
                400, R"({"error":{"code":400,"message":"the request exceeds the available context size","type":)"
                     R"("exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}})"));
          }));
  all.add("I11", "html", "Ollama's port answers with HTML", some_of_each, nobody_there,
          without_cloud([](stage& s) { s.local_does(reply(200, std::string(html_page), {}, "text/html")); }));
  all.add("I11b", "redirect", "Ollama's port redirects", some_of_each, nobody_there, without_cloud([](stage& s) {
            s.local_does(reply(302, "", {{"Location", "http://evil.example/"}}));
          }),
          {.never = {{"the redirect is passed on",
                      [](stage&, const observed& seen) { EXPECT_FALSE(seen.answer.has("location")); }}}});
  all.add("I11c", "banner", "Another service listens on Ollama's port", {call::chat, call::messages_stream},
          nobody_there, without_cloud([](stage& s) { s.local_does(raw_bytes("SSH-2.0-OpenSSH_9.2\r\n")); }));
  all.add("I13", "answer_cut", "Ollama's answer ends in the middle", whole_answers, nobody_there,
          local_breaks([](stage&) { return broken::cut(behind("The local ")); }));
  all.add("I13b", "answer_reset", "Ollama's answer is reset in the middle", whole_answers, nobody_there,
          local_breaks([](stage&) { return broken::reset(behind("The local ")); }));
  all.add("I13c", "answer_in_bytes", "Ollama's answer arrives one byte at a time", all_generations, local_good,
          local_breaks([](stage&) { return broken::split(); }));
  all.add("I14", "stream_cut", "Ollama's stream ends after content, inside an event", streams, local_cut,
          local_breaks([](stage& s) { return broken::after(s.door, broken::cut(behind("\"model "))); }));
  all.add("I14b", "stream_reset", "Ollama's stream is reset after content", streams, local_cut,
          local_breaks([](stage& s) { return broken::after(s.door, broken::reset(behind("\"model "))); }));
  all.add("I14c", "stream_stalls", "Ollama's stream stalls after content", streams, local_cut,
          without_cloud([](stage& s) {
            s.options.local_timeouts = "{connect: 20s, first_content: 60s, response: 60s, idle: 400ms, total: 5m}";
            s.when_up = [](stage& up) {
              up.expected.clear();
              up.to_local.set(side::to_daemon, broken::stall(behind("\"model ")));
            };
          }));
  all.add("I14d", "stream_cut_before_content", "Ollama's stream ends before its first word", streams, nobody_there,
          local_breaks([](stage&) { return broken::cut(behind("Transfer-Encoding: chunked\r\n\r\n")); }));
  all.add("I15", "swallowed_error", "Ollama's runner fails in mid-stream: an error where the next word should be",
          {call::chat_stream}, local_cut, without_cloud([](stage& s) {
            s.expected.clear();
            s.local_does([door = s.door](served_connection& c, const recorded_request& r) {
              said const what{.model = "llama3.1:8b", .words = {"The ", "local "}};
              bool const native = r.path() == "/api/chat";
              auto const pieces = native ? ollama::native_chat_lines(what) : ollama::chat_events(what);
              c.begin_stream(native ? "application/x-ndjson" : "text/event-stream");
              c.send_chunk(pieces[0]);
              c.send_chunk(pieces[1]);
              c.wait(door);
              c.send_chunk(native ? "{\"error\":\"an error was encountered while running the model\"}\n"
                                  : "data: {\"id\":\"chatcmpl-1\",\"model\":\"\",\"choices\":[{\"index\":0,"
                                    "\"delta\":{\"content\":\"\"},\"finish_reason\":null}]}\n\n");
              c.end_stream();
            });
          }));
  all.add(
      "I16", "nothing_said", "Ollama's runner ended without a word (200)", {call::chat}, nobody_there,
      without_cloud([](stage& s) {
        s.local_does([](served_connection& c, const recorded_request& r) {
          c.answer(
              200,
              native_or(
                  r,
                  R"({"model":"","created_at":"0001-01-01T00:00:00Z","message":{"role":"","content":""},"done":false})",
                  R"({"id":"chatcmpl-1","object":"chat.completion","created":-62135596800,"model":"","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}})"));
        });
      }));
  all.add(
      "I17", "native_stream_cut", "A stream of Ollama's own path is cut", {call::native_stream},
      [] {
        auto e = cut_visibly(blamed::nobody);
        e.code = "";
        return e;
      }(),
      [](stage& s) {
        s.local_does(stream_then(ollama::native_chat_lines({.model = "llama3.1:8b"}), 2,
                                 [](served_connection& c) { c.close(); }));
      });
  all.add(
      "I17b", "native_error_line", "A stream of Ollama's own path ends with an error line", {call::native_stream},
      [] {
        auto e = cut_visibly(blamed::nobody);
        e.code = "";
        return e;
      }(),
      [](stage& s) {
        s.local_does([](served_connection& c, const recorded_request&) {
          auto const lines = ollama::native_chat_lines({.model = "llama3.1:8b"});
          c.begin_stream("application/x-ndjson");
          c.send_chunk(lines[0]);
          c.send_chunk("{\"error\":\"an error was encountered while running the model\"}\n");
          c.end_stream();
        });
      },
      {.never = {{"the error is lost", [](stage&, const observed& seen) {
                    EXPECT_NE(seen.body.find("{\"error\":"), std::string::npos) << seen.body;
                  }}}});
  all.add("I17c", "native_refused", "Ollama refuses the connection on its own path",
          {call::native, call::native_stream}, own_error(503, "local_unavailable", "", blamed::nobody),
          [](stage& s) { s.local_is_down(); });
  all.add("I18", "local_only_and_down", "The workflow may only be served locally, and Ollama is away", all_generations,
          unheard(own_error(503, "local_unavailable", "policy", blamed::nobody)),
          [](stage& s) {
            s.fields.emplace_back("X-Tideover-Workflow", "legal");
            s.local_is_down();
          },
          {.never = {{"a byte of it reaches a cloud",
                      [](stage& s, const observed&) { EXPECT_EQ(s.to_cloud.connections(), 0U); }}}});
  all.add("I18b", "local_only_and_failing", "The workflow may only be served locally, and Ollama fails",
          all_generations, unheard(own_error(503, "local_unavailable", "policy", blamed::nobody)),
          [](stage& s) {
            s.fields.emplace_back("X-Tideover-Workflow", "legal");
            s.local_does(local_error(500, "model runner has unexpectedly stopped"));
          },
          {.never = {{"a byte of it reaches a cloud",
                      [](stage& s, const observed&) { EXPECT_EQ(s.to_cloud.connections(), 0U); }}}});
  all.add("I19", "not_replayable", "The cloud is away, and the request refers to what only the cloud has",
          {call::responses, call::responses_stream},
          unheard(own_error(503, "not_replayable", "connect", blamed::connection)),
          without_cloud([](stage& s) { s.body.insert(1, R"("previous_response_id":"resp_1",)"); }),
          {.never = {{"Ollama is given half a conversation",
                      [](stage& s, const observed&) { EXPECT_TRUE(s.home->local_generations().empty()); }}}});
  all.add(
      "I20", "cloud_comes_back", "The cloud comes back while Ollama serves", {call::chat, call::messages_stream},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 1;
        return e;
      }(),
      [](stage& s) {
        s.failures_to_open = 3;
        s.cloud_is_down();
      },
      {.act = [](stage& s) {
        EXPECT_EQ(s.ask().field("x-tideover-failover"), "connect");
        s.to_cloud.heal();
        return s.ask();
      }});
  all.add("I21", "nobody_is_asked_twice", "The cloud resets and Ollama resets", {call::chat, call::chat_stream},
          own_error(503, "local_unavailable", "connect", blamed::connection),
          [](stage& s) {
            s.cloud_does(reset_connection());
            s.local_does(reset_connection());
          },
          {.never = {asked_once}});
}

}  // namespace tideover::test

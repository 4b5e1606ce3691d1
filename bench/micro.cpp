// What single decisions cost: those made for every chunk of a stream, for every request and for every failure.
// Not for comparing proxies (bench/run): no sockets, no kernel, warm caches.
#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/chat/clean_history.hpp"
#include "tideover/adapt/chat/splice.hpp"
#include "tideover/adapt/request_scan.hpp"
#include "tideover/adapt/sse.hpp"
#include "tideover/adapt/stream_inspector.hpp"
#include "tideover/policy/classify.hpp"
#include "tideover/policy/endpoint_health.hpp"
#include "tideover/policy/failover.hpp"
#include "unit/policy/examples.hpp"

namespace {

using namespace tideover;
using namespace std::chrono_literals;
using adapt::stream_inspector;
using adapt::chat::answer::splice;

std::string prose(std::size_t bytes) {
  constexpr std::string_view words = "the tide comes in twice a day and nobody can stop it ";
  std::string text;
  while (text.size() < bytes) text += words.substr(0, bytes - text.size());
  return text;
}

// Streams, one event a string: what comes before the text, then one chunk a word.

constexpr std::array words{" the", " tide", " comes", " in", " twice", " a", " day", ".", "\\n\\n", " \\\"Never\\\""};
constexpr std::size_t chunk_count = 1000;

using events = std::vector<std::string>;

events chat_stream() {
  const auto chunk = [](std::string_view delta) {
    return R"(data: {"id":"chatcmpl-CgB4Zr2bXv0","object":"chat.completion.chunk","created":1764155707,)"
           R"("model":"gpt-5-2026-08-07","service_tier":"default","system_fingerprint":null,"choices":[{"index":0,)"
           R"("delta":{)" +
           std::string(delta) + R"(},"logprobs":null,"finish_reason":null}],"obfuscation":"k3Xz9a"})" + "\n\n";
  };
  events all{chunk(R"("role":"assistant","content":"","refusal":null)")};
  for (std::size_t i = 0; i < chunk_count; ++i)
    all.push_back(chunk(R"("content":")" + std::string(words[i % words.size()]) + '"'));
  return all;
}

events responses_stream() {
  events all;
  const auto add = [&](const std::string& type, const std::string& members) {
    all.push_back("event: " + type + "\ndata: {\"type\":\"" + type +
                  "\",\"sequence_number\":" + std::to_string(all.size()) + ',' + members + "}\n\n");
  };
  const std::string place = R"("item_id":"msg_68af4030592c81938ec0a5fbab4a3e9f","output_index":0,"content_index":0,)";
  add("response.created", R"("response":{"id":"resp_68af","object":"response","created_at":1764155707,)"
                          R"("status":"in_progress","model":"gpt-5-2026-08-07","output":[],"usage":null})");
  add("response.output_item.added",
      R"("output_index":0,"item":{"id":"msg_68af4030592c81938ec0a5fbab4a3e9f","type":"message",)"
      R"("status":"in_progress","content":[],"role":"assistant"})");
  add("response.content_part.added",
      place + R"("part":{"type":"output_text","annotations":[],"logprobs":[],"text":""})");
  for (std::size_t i = 0; i < chunk_count; ++i)
    add("response.output_text.delta",
        place + R"("delta":")" + words[i % words.size()] + R"(","logprobs":[],"obfuscation":"k3Xz9a")");
  return all;
}

events messages_stream() {
  events all;
  const auto add = [&](const std::string& type, const std::string& members) {
    all.push_back("event: " + type + "\ndata: {\"type\":\"" + type + "\"," + members + "}\n\n");
  };
  add("message_start", R"("message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",)"
                       R"("model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,)"
                       R"("usage":{"input_tokens":25,"output_tokens":1}})");
  add("content_block_start", R"("index":0,"content_block":{"type":"text","text":""})");
  for (std::size_t i = 0; i < chunk_count; ++i)
    add("content_block_delta",
        R"("index":0,"delta":{"type":"text_delta","text":")" + std::string(words[i % words.size()]) + R"("})");
  return all;
}

events stream_of(endpoint what) {
  switch (what) {
    case endpoint::responses: return responses_stream();
    case endpoint::messages: return messages_stream();
    default: return chat_stream();
  }
}

/// `each`: the time of one of `count` things done in every round.
void report_each(benchmark::State& state, std::size_t count) {
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void boundary_per_chunk(benchmark::State& state, endpoint what) {
  const auto chunks = stream_of(what);
  for (auto _ : state) {
    adapt::sse_boundary boundary;
    for (const auto& chunk : chunks) {
      const std::size_t whole = boundary.complete(chunk);
      if (whole != chunk.size()) state.SkipWithError("no whole event");
      boundary.consumed(whole);
    }
  }
  report_each(state, chunks.size());
}

void inspector_per_chunk(benchmark::State& state, endpoint what) {
  const auto chunks = stream_of(what);
  for (auto _ : state) {
    stream_inspector inspector(what, dialect::openai);
    for (const auto& chunk : chunks) inspector.inspect(chunk);
    if (inspector.current() != stream_inspector::state::usable) state.SkipWithError("nothing usable was seen");
  }
  report_each(state, chunks.size());
}

void splice_per_chunk(benchmark::State& state, endpoint what) {
  const auto chunks = stream_of(what);
  for (auto _ : state) {
    splice joint(what, {});
    for (const auto& chunk : chunks) joint.relayed(chunk);
    if (!joint.obstacle().empty()) state.SkipWithError("the stream cannot be continued");
  }
  report_each(state, chunks.size());
}

BENCHMARK_CAPTURE(boundary_per_chunk, chat, endpoint::chat_completions);
BENCHMARK_CAPTURE(boundary_per_chunk, responses, endpoint::responses);
BENCHMARK_CAPTURE(boundary_per_chunk, messages, endpoint::messages);
BENCHMARK_CAPTURE(inspector_per_chunk, chat, endpoint::chat_completions);
BENCHMARK_CAPTURE(inspector_per_chunk, responses, endpoint::responses);
BENCHMARK_CAPTURE(inspector_per_chunk, messages, endpoint::messages);
BENCHMARK_CAPTURE(splice_per_chunk, chat, endpoint::chat_completions);
BENCHMARK_CAPTURE(splice_per_chunk, responses, endpoint::responses);
BENCHMARK_CAPTURE(splice_per_chunk, messages, endpoint::messages);

// Whole requests and answers

void scan_request_of_2_kb(benchmark::State& state) {
  const std::string body = R"({"model":"gpt-5","stream":true,"messages":[{"role":"system","content":"Be brief."},)"
                           R"({"role":"user","content":")" +
                           prose(1900) + R"("}]})";
  for (auto _ : state) {
    const auto facts = adapt::scan_request(endpoint::chat_completions, body);
    if (!facts.stream) state.SkipWithError("the request was not read");
  }
}
BENCHMARK(scan_request_of_2_kb);

void clean_history_of_2_kb(benchmark::State& state) {
  const std::string body = R"({"model":"claude-sonnet-4-5","max_tokens":1000,"messages":[{"role":"user","content":")" +
                           prose(1900) + R"("}]})";
  for (auto _ : state) {
    const auto cleaned = adapt::chat::clean_history(endpoint::messages, body);
    if (cleaned.what != adapt::chat::cleaned::kind::unchanged) state.SkipWithError("not the fast path");
  }
}
BENCHMARK(clean_history_of_2_kb);

void judge_answer_of_2_kb(benchmark::State& state) {
  const std::string body = R"({"id":"chatcmpl-1","object":"chat.completion","created":1764155707,"model":"gpt-5",)"
                           R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
                           prose(1800) +
                           R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":450}})";
  for (auto _ : state) {
    const auto verdict = adapt::judge_answer(endpoint::chat_completions, dialect::openai, "application/json", body);
    if (verdict.failure) state.SkipWithError("the answer was not taken");
  }
}
BENCHMARK(judge_answer_of_2_kb);

void classify(benchmark::State& state, unsigned status, std::string_view body, std::optional<reason> expected) {
  const auto head = examples::response(status, {{"Content-Type", "application/json"}, {"Retry-After", "7"}});
  for (auto _ : state) {
    const auto failed = policy::classify_status(head, body, dialect::openai, {}, 1764155707);
    if (failed.has_value() != expected.has_value() || (failed && failed->why != *expected))
      state.SkipWithError("another reason than expected");
  }
}
BENCHMARK_CAPTURE(classify, 503, 503, "", reason::server_error);
BENCHMARK_CAPTURE(classify, 429, 429,
                  R"({"error":{"message":"Rate limit reached for gpt-5 in organization org-1 on requests per min. )"
                  R"(Please try again in 7s.","type":"requests","param":null,"code":"rate_limit_exceeded"}})",
                  reason::rate_limited);
BENCHMARK_CAPTURE(classify, 400, 400,
                  R"({"error":{"message":"Unsupported value: 'temperature' does not support 3 with this model.",)"
                  R"("type":"invalid_request_error","param":"temperature","code":"unsupported_value"}})",
                  std::nullopt);

// The machines of one exchange

void health_admits_and_is_told(benchmark::State& state) {
  policy::endpoint_health health({policy::breaker_settings(), policy::breaker_settings(), std::nullopt});
  const policy::health_key key{examples::openai, 42, "gpt-5"};
  time_point now{1000s};
  for (auto _ : state) {
    const auto permit = health.admit(key, now);
    if (!permit) {
      state.SkipWithError("not admitted");
      break;
    }
    health.succeeded(*permit, now += 1ms);
  }
}
BENCHMARK(health_admits_and_is_told);

policy::exchange_plan cloud_then_local() {
  policy::exchange_plan plan{.candidates = {}, .started = time_point(1000s), .deadline = time_point(1900s)};
  plan.candidates.index[plan.candidates.size++] = examples::openai;
  plan.candidates.index[plan.candidates.size++] = examples::ollama;
  return plan;
}

void failover_not_needed(benchmark::State& state) {
  const auto configuration = examples::house();
  const auto plan = cloud_then_local();
  for (auto _ : state) {
    policy::failover machine(plan, configuration);
    machine.next(plan.started);
    machine.committed();
    if (machine.next(plan.started + 1s) != policy::failover::step::finished) state.SkipWithError("not finished");
  }
}
BENCHMARK(failover_not_needed);

void failover_to_the_local_tier(benchmark::State& state) {
  const auto configuration = examples::house();
  const auto plan = cloud_then_local();
  const failure refused{reason::server_error, phase::await_head, 503, std::nullopt, "503 Service Unavailable"};
  for (auto _ : state) {
    policy::failover machine(plan, configuration);
    machine.next(plan.started);
    machine.failed(refused, plan.started + 1s);
    machine.next(plan.started + 1s);
    machine.committed();
    if (machine.upstream() != examples::ollama || machine.end() != policy::failover::ending::answered)
      state.SkipWithError("the local tier did not answer");
  }
}
BENCHMARK(failover_to_the_local_tier);

}  // namespace

BENCHMARK_MAIN();

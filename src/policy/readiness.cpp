#include "tideover/policy/readiness.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tideover/core/http_message.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {

std::string_view token(ready_state s) {
  switch (s) {
    case ready_state::ready: return "ready";
    case ready_state::unknown: return "unknown";
    case ready_state::degraded: return "degraded";
    case ready_state::down: return "down";
  }
  return {};
}

std::string_view token(ready_check c) {
  switch (c) {
    case ready_check::api: return "api";
    case ready_check::models: return "models";
    case ready_check::fits: return "fits";
    case ready_check::inference: return "inference";
    case ready_check::load_time: return "load_time";
    case ready_check::tokens_per_second: return "tokens_per_second";
    case ready_check::gpu: return "gpu";
    case ready_check::context: return "context";
    case ready_check::prefill: return "prefill";
  }
  return {};
}

double tokens_per_second(const inference_timing& t) {
  auto const seconds = std::chrono::duration<double>(t.generating).count();
  return t.tokens == 0 || seconds <= 0 ? 0 : static_cast<double>(t.tokens) / seconds;
}

prefill_habit prefill_habit_of(std::string_view begun, std::string_view next, std::string_view answer) {
  bool const echoed = answer.starts_with(begun);
  if (echoed) answer.remove_prefix(begun.size());
  answer.remove_prefix(std::min(answer.find_first_not_of(" \t\r\n,"), answer.size()));
  auto const same = [](char a, char b) { return to_lower(a) == to_lower(b); };
  if (answer.size() < next.size() || !std::equal(next.begin(), next.end(), answer.begin(), same))
    return prefill_habit::begins_anew;
  return echoed ? prefill_habit::echoes : prefill_habit::continues;
}

bool tells_of_local_server(const failure& what) {
  if (what.at == phase::not_started || what.ours) return false;
  switch (what.why) {
    case reason::dns:
    case reason::connect:
    case reason::connect_timeout:
    case reason::tls:
    case reason::timeout:
    case reason::malformed:
    case reason::error_in_200:
    case reason::cut: return true;
    case reason::server_error: return what.status == 0 || what.status >= 500;
    case reason::rate_limited:
    case reason::quota:
    case reason::empty:
    case reason::breaker_open:
    case reason::contingency:
    case reason::policy:
    case reason::drill:
    case reason::redirect:
    case reason::hedged:
    case reason::auth: return false;
  }
  return false;
}

ready_state readiness_verdict::of(ready_check c) const {
  std::optional<ready_state> worst;
  for (const auto& f : findings)
    if (f.check == c) worst = std::max(worst.value_or(f.state), f.state);
  return worst.value_or(ready_state::unknown);
}

namespace {

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
  return text;
}
std::string seconds_text(duration span) { return short_number(std::chrono::duration<double>(span).count()) + " s"; }
/// What is shown everywhere as it changes shall not change all the time.
duration in_steps(duration span) {
  constexpr auto step = std::chrono::seconds(10);
  return span - span % step;
}
std::string percent(double share) { return short_number(share * 100) + " %"; }

class judge {
 public:
  explicit judge(const readiness_facts& facts) : facts_(facts) {}

  readiness_verdict judged() {
    auto const api = servers();
    auto const have = models();
    tests();
    loaded();
    settle(api, have);
    return std::move(verdict_);
  }

 private:
  void find(ready_check check, ready_state state, std::string subject, std::string text, std::string fix = {}) {
    verdict_.findings.push_back({check, state, std::move(subject), std::move(text), std::move(fix)});
  }

  bool is_ollama() const { return facts_.dialect == dialect::ollama; }
  std::string advice(std::string of_ollama, std::string of_others) const {
    return is_ollama() ? std::move(of_ollama) : std::move(of_others);
  }

  ready_state servers() {
    bool any_answers = false, any_known = false;
    for (const auto& s : facts_.api) {
      any_answers = any_answers || s.what == api_answer::answers || s.what == api_answer::loading;
      any_known = any_known || s.what != api_answer::unknown;
    }
    // One of several that is away costs capacity, not the tier.
    auto const away = any_answers ? ready_state::degraded : ready_state::down;
    for (const auto& s : facts_.api) switch (s.what) {
        case api_answer::unknown: find(ready_check::api, ready_state::unknown, s.url, "has not been asked yet"); break;
        case api_answer::answers: find(ready_check::api, ready_state::ready, s.url, "answers"); break;
        case api_answer::loading:
          find(ready_check::api, ready_state::ready, s.url,
               "answers, and has been loading a model for " + seconds_text(in_steps(s.loading_for)));
          break;
        case api_answer::silent:
          find(ready_check::api, away, s.url, "takes connections but says nothing: it hangs",
               advice("sudo systemctl restart ollama; then look at: journalctl -u ollama -n 50",
                      "restart the server, and look at its log"));
          break;
        case api_answer::refused:
          find(ready_check::api, away, s.url, "cannot be connected to" + (s.detail.empty() ? "" : ": " + s.detail),
               advice("sudo systemctl start ollama (or: ollama serve), or correct upstreams.*.url",
                      "start the server, or correct upstreams.*.url"));
          break;
        case api_answer::odd:
          find(ready_check::api, away, s.url,
               advice("answers, but not as Ollama does: ", "answers, but not as it should: ") + s.detail,
               "see what listens there: curl -i " + s.url + advice("/api/version", "/v1/models"));
          break;
      }
    if (!any_known) return ready_state::unknown;
    return any_answers ? ready_state::ready : ready_state::down;
  }

  const readiness_facts::holder* holder_of(const std::string& model) const {
    for (const auto& h : facts_.elsewhere)
      if (same_model(h.model, model)) return &h;
    return nullptr;
  }

  static bool can_serve(const local_model& m) { return m.completion && !m.remote && !names_remote(m.name); }

  ready_state models() {
    const auto& catalog = *facts_.catalog;
    if (!catalog.known) {
      find(ready_check::models, ready_state::unknown, {}, "what is installed is not known yet");
      return ready_state::unknown;
    }
    bool const any = std::any_of(catalog.models.begin(), catalog.models.end(), can_serve);
    auto const lacking = any ? ready_state::degraded : ready_state::down;
    auto const stand_in = any ? ", so another model stands in" : ", and no other model can stand in";
    if (facts_.needed.empty()) {
      if (any)
        find(ready_check::models, ready_state::ready, {},
             std::to_string(std::count_if(catalog.models.begin(), catalog.models.end(), can_serve)) +
                 " installed that can stand in");
      else
        find(ready_check::models, ready_state::down, {}, "no model that generates text is installed",
             advice("ollama pull llama3.1:8b", "start the server with a model that generates text"));
    }
    for (const auto& name : facts_.needed) {
      const auto* m = catalog.find(name);
      if (names_remote(name) || (m != nullptr && m->remote))
        find(ready_check::models, lacking, name, std::string("is run by ollama.com, so it is not local") + stand_in,
             "name a model that runs here, such as llama3.1:8b, and set OLLAMA_NO_CLOUD=1 for Ollama");
      else if (const auto* other = holder_of(name); m == nullptr && other != nullptr)
        find(ready_check::models, ready_state::ready, name, "is at " + other->upstream + " instead");
      else if (m == nullptr)
        find(ready_check::models, lacking, name, advice("is not installed", "is not offered") + stand_in,
             advice("ollama pull " + name, "start the server with it, or name one of its own in `models`"));
      else if (!m->completion)
        find(ready_check::models, lacking, name, std::string("does not generate text") + stand_in,
             "name another model in `models`");
      else
        find(ready_check::models, ready_state::ready, name,
             "is installed" + (m->digest.empty() ? "" : " (" + m->digest.substr(0, 12) + ")"));
    }
    return any ? ready_state::ready : ready_state::down;
  }

  void tests() {
    bool const any_answered =
        std::any_of(facts_.tests.begin(), facts_.tests.end(), [](const auto& t) { return t.answered; });
    auto const failing = any_answered ? ready_state::degraded : ready_state::down;
    if (facts_.tests.empty())
      find(ready_check::inference, ready_state::unknown, {}, "no model has been tested yet", "tideover readiness");
    // Whether a test would work is not what callers see.
    if (facts_.failed_in_a_row >= failures_that_count)
      find(ready_check::inference, ready_state::degraded, {},
           "real requests fail, the last one with: " + facts_.last_failure,
           advice("look at: journalctl -u ollama -n 50; then: tideover readiness",
                  "look at the server's log; then: tideover readiness"));
    for (const auto& t : facts_.tests) {
      if (t.out_of_memory)
        find(ready_check::fits, ready_state::degraded, t.model, "does not fit into memory: " + t.problem,
             "use a smaller model or a stronger quantisation, or a smaller " +
                 advice("OLLAMA_CONTEXT_LENGTH", "context window"));
      else if (t.answered)
        find(ready_check::fits, ready_state::ready, t.model, "fits into memory");
      if (!t.answered) {
        find(ready_check::inference, failing, t.model, "does not answer: " + t.problem,
             advice("try it by hand: ollama run " + t.model + " hello; then look at: journalctl -u ollama -n 50",
                    "look at the server's log"));
        continue;
      }
      find(ready_check::inference, ready_state::ready, t.model,
           t.from_traffic ? "answers real requests" : "answered the test");
      speed(t);
      if (t.continues_prefill)
        find(ready_check::prefill, ready_state::ready, t.model,
             *t.continues_prefill ? "continues an answer that was begun"
                                  : "begins anew instead of continuing an answer, so cut streams end with an error");
    }
  }

  void speed(const model_test& t) {
    if (t.load > duration::zero()) {
      if (t.load > facts_.limits.max_load_time)
        find(ready_check::load_time, ready_state::degraded, t.model,
             "took " + seconds_text(t.load) + " to load, and max_load_time is " +
                 seconds_text(facts_.limits.max_load_time),
             "keep it loaded (keep_warm: [" + t.model + "]), use a smaller model, or a faster disk");
      else
        find(ready_check::load_time, ready_state::ready, t.model, "loaded in " + seconds_text(t.load));
    }
    if (t.tokens_per_second <= 0) return;
    auto const rate = short_number(t.tokens_per_second) + " tokens/s";
    if (t.tokens_per_second < facts_.limits.min_tokens_per_second)
      find(ready_check::tokens_per_second, ready_state::degraded, t.model,
           "makes " + rate + ", and min_tokens_per_second is " + short_number(facts_.limits.min_tokens_per_second),
           advice("see whether it runs on the GPU (ollama ps), or use a smaller model",
                  "see whether it runs on the GPU (nvidia-smi), or use a smaller model"));
    else if (t.usual_tokens_per_second > 0 && t.tokens_per_second < t.usual_tokens_per_second * slow_share)
      find(ready_check::tokens_per_second, ready_state::degraded, t.model,
           "makes " + rate + ", usually " + short_number(t.usual_tokens_per_second),
           "see what else keeps the machine busy: " + advice("ollama ps; ", "") + "nvidia-smi; top");
    else
      find(ready_check::tokens_per_second, ready_state::ready, t.model, "makes " + rate);
  }

  /// What is told of loaded models that are needed, or of all where none is named.
  void loaded() {
    for (const auto& m : facts_.catalog->models) {
      if (!m.loaded || !can_serve(m)) continue;
      bool const wanted = facts_.needed.empty() || std::any_of(facts_.needed.begin(), facts_.needed.end(),
                                                               [&](const auto& n) { return same_model(n, m.name); });
      if (!wanted) continue;
      gpu(m);
      window(m);
    }
  }

  void gpu(const local_model& m) {
    auto const least = facts_.limits.min_gpu_fraction;
    if (m.loaded_bytes == 0)
      // 0 of 0 is no share: Ollama says it on a machine without a GPU, and other servers say nothing.
      find(ready_check::gpu, ready_state::unknown, m.name,
           advice("runs, but Ollama does not tell where: 0 of 0 bytes, as on a machine without a GPU",
                  "runs, and this server does not tell where"));
    else if (m.gpu_fraction < least)
      find(ready_check::gpu, ready_state::degraded, m.name,
           (m.gpu_fraction <= 0 ? std::string("runs on the CPU alone")
                                : "runs with " + percent(m.gpu_fraction) + " on the GPU") +
               ", and min_gpu_fraction is " + percent(least),
           "see why: journalctl -u ollama | grep -i -E 'gpu|cuda|rocm|vram'; use a smaller model or context, or set "
           "min_gpu_fraction: 0 on a machine without a GPU");
    else
      find(ready_check::gpu, ready_state::ready, m.name, percent(m.gpu_fraction) + " on the GPU");
  }

  void window(const local_model& m) {
    if (m.loaded_context == 0) return;
    auto const size = std::to_string(m.loaded_context) + " tokens";
    if (m.loaded_context < smallest_default)
      find(ready_check::context, ready_state::degraded, m.name,
           "has a window of " + size + advice(": longer prompts make it load again", ": longer prompts do not fit"),
           advice("set OLLAMA_CONTEXT_LENGTH=8192 for Ollama, or PARAMETER num_ctx in its Modelfile",
                  "start the server with a larger window (llama-server: -c, vLLM: --max-model-len)"));
    else
      find(ready_check::context, ready_state::ready, m.name, "has a window of " + size);
  }

  void settle(ready_state api, ready_state have) {
    auto& state = verdict_.state;
    if (api == ready_state::down || have == ready_state::down) {
      state = ready_state::down;
    } else if (api == ready_state::unknown || have == ready_state::unknown) {
      state = ready_state::unknown;
    } else {
      state = ready_state::ready;
      for (const auto& f : verdict_.findings)
        if (f.state == ready_state::degraded || f.state == ready_state::down) state = std::max(state, f.state);
    }
    std::stable_sort(verdict_.findings.begin(), verdict_.findings.end(),
                     [](const auto& a, const auto& b) { return a.check < b.check; });
  }

  const readiness_facts& facts_;
  readiness_verdict verdict_;
};

}  // namespace

readiness_verdict judge_readiness(const readiness_facts& facts) {
  static const local_catalog nothing;
  auto whole = facts;
  if (whole.catalog == nullptr) whole.catalog = &nothing;
  return judge(whole).judged();
}

ready_state tier_state(std::span<const ready_state> upstreams) {
  auto const any = [&](ready_state s) { return std::find(upstreams.begin(), upstreams.end(), s) != upstreams.end(); };
  bool const serves = any(ready_state::ready) || any(ready_state::degraded);
  if (!serves) return any(ready_state::unknown) ? ready_state::unknown : ready_state::down;
  return any(ready_state::degraded) || any(ready_state::down) ? ready_state::degraded : ready_state::ready;
}

}  // namespace tideover::policy

#include "tideover/config/defaults.hpp"

#include <algorithm>
#include <array>

#include "tideover/config/check.hpp"
#include "tideover/config/secret_reference.hpp"
#include "tideover/config/values.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::config {
namespace {

void complain(reading& notes, std::string shown_as, std::string message, severity level = severity::error) {
  auto& made = notes.problems.emplace_back();
  made.level = level;
  made.path = std::move(shown_as);
  made.message = std::move(message);
}

/// A setting that may come from a flag or a variable: the flag wins, an empty variable is none.
struct setting {
  std::optional<std::string> text;
  std::string shown_as;
};

setting pick(const std::optional<std::string>& flag, const char* flag_name, const surroundings& world,
             const char* variable) {
  if (flag) return {flag, flag_name};
  auto found = world.environment(variable);
  if (found && found->empty()) found.reset();
  return {std::move(found), std::string("$") + variable};
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (char c : text) {
    if (c != ',' && c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

void apply_listen(snapshot& made, const overrides& flags, const surroundings& world, reading& notes) {
  std::vector<std::string> wanted = flags.listen;
  std::string shown_as = "--listen";
  if (wanted.empty()) {
    shown_as = "$TIDEOVER_LISTEN";
    wanted = words_of(world.environment("TIDEOVER_LISTEN").value_or(""));
  }
  if (wanted.empty()) return;
  const auto before = std::exchange(made.listeners, {});
  for (const auto& text : wanted) {
    const auto at = parse_address(text);
    if (!at) {
      complain(notes, shown_as, "`" + printable(text) + "` " + at.error);
      continue;
    }
    listener fresh{.at = *at, .tls = {}, .allow_unauthenticated = false};
    // The file may know more about this very address: its certificate, and that it may be open.
    for (const auto& old : before)
      if (old.at.host == fresh.at.host && old.at.port == fresh.at.port) fresh = old;
    notes.from["listen[" + std::to_string(made.listeners.size()) + "].address"] = {{}, shown_as};
    made.listeners.push_back(std::move(fresh));
  }
  if (made.listeners.empty()) made.listeners = before;  // one complaint is enough
}

void apply_url(snapshot& made, const setting& from, tier where, reading& notes) {
  if (!from.text) return;
  const auto reading = parse_url(*from.text);
  if (!reading) return complain(notes, from.shown_as, "the value " + reading.error);
  const std::string_view name = where == tier::cloud ? "openai" : "ollama";
  const auto fits = [&](const upstream& u) {
    return u.tier == where && (where == tier::local || u.dialect == dialect::openai);
  };
  auto& all = made.upstreams;
  auto target = std::find_if(all.begin(), all.end(), [&](const upstream& u) { return u.name == name && fits(u); });
  if (target == all.end()) target = std::find_if(all.begin(), all.end(), fits);
  if (target == all.end()) {
    // The file names none of this kind; under a name that is free.
    upstream fresh;
    fresh.name = name;
    while (made.find_upstream(fresh.name)) fresh.name += where == tier::cloud ? "-cloud" : "-local";
    fresh.tier = where;
    fresh.dialect = where == tier::cloud ? dialect::openai : dialect::ollama;
    fresh.timeouts = usual_timeouts(where);
    target = all.insert(all.end(), std::move(fresh));
  }
  target->urls = {(*reading).where};
  notes.from["upstreams." + target->name + ".url"] = {{}, from.shown_as};
  if ((*reading).v1_dropped)
    complain(notes, from.shown_as, "ends in /v1, which callers' paths begin with already: it was left out",
             severity::warning);
}

void apply_contingency(snapshot& made, const surroundings& world, reading& notes) {
  const auto text = world.environment("TIDEOVER_CONTINGENCY").value_or("");
  const auto words = words_of(text);
  const auto is_any = [](std::string_view word, auto... candidates) { return (iequals(word, candidates) || ...); };
  if (words.empty() || (words.size() == 1 && is_any(words.front(), "0", "off", "false", "no"))) return;
  if (words.size() == 1 && is_any(words.front(), "1", "on", "true", "yes", "all")) {
    made.contingency.all_by_environment = true;
    return;
  }
  for (const auto& word : words) {
    if (is_any(word, "all")) {
      made.contingency.all_by_environment = true;
    } else if (made.find_workflow(word)) {
      made.contingency.by_environment.push_back(word);
    } else {
      complain(notes, "$TIDEOVER_CONTINGENCY", no_such_workflow(word, made, true) + "; or write on or off");
    }
  }
}

void apply_log_level(snapshot& made, const setting& from, reading& notes) {
  if (!from.text) return;
  constexpr std::array<std::string_view, 5> words{"trace", "debug", "info", "warn", "error"};  // as in log_level
  const auto found = std::find(words.begin(), words.end(), *from.text);
  if (found != words.end()) {
    made.log.level = static_cast<log_level>(found - words.begin());
    return;
  }
  std::string message = "`" + printable(*from.text) + "` is not one of trace, debug, info, warn, error";
  if (const auto near = nearest(*from.text, words); !near.empty())
    message += "; did you mean " + std::string(near) + "?";
  complain(notes, from.shown_as, std::move(message));
}

}  // namespace

timeouts usual_timeouts(tier where) {
  if (where != tier::local) return {};
  // A local model may have to be loaded first, and then takes its time; only connecting is quicker.
  return {.connect = 1s, .first_content = 120s, .response = 10min, .reasoning = 10min, .idle = 60s, .total = 15min};
}

std::string title_of(std::string_view name) {
  if (name == "openai") return "OpenAI";
  if (name == "anthropic") return "Anthropic";
  if (name == "ollama") return "Ollama";
  return std::string(name);
}

snapshot built_in_defaults() {
  snapshot made;
  made.listeners.push_back({.at = {"127.0.0.1", 6837}, .tls = {}, .allow_unauthenticated = false});
  made.workflows["default"].name = "default";
  return made;
}

void add_default_upstreams(snapshot& made, const surroundings& world, bool local_is_given, reading& notes) {
  const auto add = [&](std::string name, tier where, dialect language, url at) {
    upstream fresh;
    fresh.name = std::move(name);
    fresh.tier = where;
    fresh.dialect = language;
    fresh.timeouts = usual_timeouts(where);
    fresh.urls.push_back(std::move(at));
    made.upstreams.push_back(std::move(fresh));
  };
  add("openai", tier::cloud, dialect::openai, {.tls = true, .host = "api.openai.com", .port = 443, .base_path = {}});
  add("anthropic", tier::cloud, dialect::anthropic,
      {.tls = true, .host = "api.anthropic.com", .port = 443, .base_path = {}});
  url ollama{.tls = false, .host = "127.0.0.1", .port = 11434, .base_path = {}};
  const auto said = world.environment("OLLAMA_HOST").value_or("");
  if (!local_is_given && said.find_first_not_of(" \t\"'") != std::string::npos) {
    const auto reading = parse_ollama_host(said);
    notes.from["upstreams.ollama.url"] = {{}, "$OLLAMA_HOST"};
    if (reading) {
      ollama = (*reading).where;
    } else {
      complain(notes, "$OLLAMA_HOST", "the value " + reading.error);
    }
  }
  add("ollama", tier::local, dialect::ollama, std::move(ollama));
}

void apply_overrides(snapshot& made, const overrides& flags, const surroundings& world, reading& notes) {
  apply_listen(made, flags, world, notes);
  if (const auto admin = pick(flags.admin, "--admin", world, "TIDEOVER_ADMIN"); admin.text) {
    if (const auto at = parse_address(*admin.text)) {
      // `allow_unauthenticated` was said of another address.
      const bool same = (*at).host == made.admin.at.host;
      made.admin.allow_unauthenticated = made.admin.allow_unauthenticated && same;
      made.admin.at = *at;
      notes.from["admin.address"] = {{}, admin.shown_as};
    } else {
      complain(notes, admin.shown_as, "`" + printable(*admin.text) + "` " + at.error);
    }
  }
  apply_url(made, pick(flags.cloud_url, "--cloud", world, "TIDEOVER_CLOUD_URL"), tier::cloud, notes);
  apply_url(made, pick(flags.local_url, "--local", world, "TIDEOVER_LOCAL_URL"), tier::local, notes);
  if (const auto model = pick(flags.local_model, "--local-model", world, "TIDEOVER_LOCAL_MODEL"); model.text) {
    const bool fine = !model.text->empty() && model.text->size() <= 256 &&
                      std::none_of(model.text->begin(), model.text->end(),
                                   [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
    if (fine) {
      made.models = {{.cloud = "*", .local = *model.text}};
      notes.from["models[0].local"] = {{}, model.shown_as};
    } else {
      complain(notes, model.shown_as, "is not the name of a model: write it as Ollama lists it, such as llama3.1:8b");
    }
  }
  apply_log_level(made, pick(flags.log_level, "--log-level", world, "TIDEOVER_LOG_LEVEL"), notes);
  if (const auto token = world.environment("TIDEOVER_ADMIN_TOKEN"); token && !token->empty()) {
    if (const auto objection = objection_to_secret(*token); !objection.empty()) {
      complain(notes, "$TIDEOVER_ADMIN_TOKEN", objection);
    } else {
      made.admin.token = secret(*token);
    }
  }
  apply_contingency(made, world, notes);
  if (flags.workers) made.workers = *flags.workers;
  for (auto& u : made.upstreams) u.title = title_of(u.name);
}

}  // namespace tideover::config

#include "tideover/config/check.hpp"

#include <algorithm>
#include <array>

#include "tideover/config/values.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/ollama_name.hpp"

namespace tideover::config {
namespace {

constexpr std::size_t most_upstreams = 8;  // as many as one request can have candidates
constexpr std::size_t most_urls = 64;

}  // namespace

bool is_too_open(const listener& l, std::string_view host, const snapshot& made) {
  const bool certificates = l.tls && !l.tls->client_ca_file.empty();
  return kind_of_host(host) != host_kind::loopback && !l.allow_unauthenticated && !made.clients.required &&
         !certificates;
}

bool is_too_open(const admin& a, std::string_view host) {
  return kind_of_host(host) != host_kind::loopback && !a.allow_unauthenticated && !a.token;
}

namespace {

class checker {
 public:
  explicit checker(const snapshot& made) : made_(made) {}

  std::vector<finding> run() {
    listeners();
    clients();
    upstreams();
    workflows();
    workflow_details();
    models();
    limits();
    return std::move(found_);
  }

 private:
  void error(std::string path, std::string message) {
    found_.push_back({severity::error, std::move(path), std::move(message)});
  }
  void warning(std::string path, std::string message) {
    found_.push_back({severity::warning, std::move(path), std::move(message)});
  }

  void listeners() {
    if (made_.listeners.empty())
      error("listen", "is empty: name at least one address, such as [{address: 127.0.0.1:6837}], or remove the key");
    struct taken {
      address at;
      std::string path;
    };
    std::vector<taken> all;
    const auto claim = [&](const address& at, const std::string& path) {
      for (const auto& other : all)
        if (at.port != 0 && at.port == other.at.port && at.host == other.at.host)
          error(path, to_string(at) + " is taken by " + other.path + " already: choose another port");
      all.push_back({at, path});
    };
    for (std::size_t i = 0; i < made_.listeners.size(); ++i) {
      const auto& l = made_.listeners[i];
      const std::string path = "listen[" + std::to_string(i) + "].address";
      claim(l.at, path);
      const bool reachable = kind_of_host(l.at.host) != host_kind::loopback;
      if (reachable && made_.clients.required && !l.tls)
        warning(path, to_string(l.at) +
                          " can be reached from other machines without TLS: keys and prompts travel in "
                          "clear text; add `tls`, or put it behind something that speaks it");
      if (is_too_open(l, l.at.host, made_))
        error(path,
              to_string(l.at) +
                  " can be reached from other machines, and callers need no key: set `clients.required` with keys, "
                  "listen on 127.0.0.1, or say `allow_unauthenticated: true` beside this address in the configuration "
                  "file if that is meant");
    }
    claim(made_.admin.at, "admin.address");
    const auto& admin = made_.admin;
    if (is_too_open(admin, admin.at.host))
      error("admin.address", to_string(admin.at) +
                                 " can be reached from other machines, and reading needs no token: set `admin.token`, "
                                 "listen on 127.0.0.1, or say `allow_unauthenticated: true` under `admin` in the "
                                 "configuration file if that is meant");
    if (admin.token && admin.token->reveal_for_wire().size() < 16)
      warning("admin.token",
              "is short enough to be guessed: take 32 random characters, such as from `openssl rand "
              "-hex 16`");
  }

  void clients() {
    const auto& c = made_.clients;
    if (c.required && c.keys.empty())
      error("clients.required",
            "is true, but there are no keys, so nobody could call: `tideover key new NAME` makes "
            "one for clients.keys");
    for (std::size_t i = 0; i < c.keys.size(); ++i) {
      const auto& key = c.keys[i];
      const std::string path = "clients.keys[" + std::to_string(i) + "]";
      if (!key.name.empty() && !is_plain_name(key.name, true))
        error(path + ".name", "is no name for a key: letters, digits, `_`, `-` and `.`, at most 64");
      if (!key.sha256)
        error(path + ".sha256", "is no SHA-256, which has 64 hex digits: `tideover key new NAME` prints it");
      if (!key.workflow.empty() && !made_.find_workflow(key.workflow))
        error(path + ".workflow", no_such_workflow(key.workflow, made_, false));
      if (key.models && key.models->empty())
        error(path + ".models",
              "is empty, so nothing could be asked for with this key: name models, or remove `models` to allow all");
      for (std::size_t other = 0; other < i; ++other) {
        if (!key.name.empty() && c.keys[other].name == key.name)
          error(path + ".name", "is the name of an earlier key already: choose another");
        if (key.sha256 && c.keys[other].sha256 && *c.keys[other].sha256 == *key.sha256)
          error(path + ".sha256", "is an earlier key already: make another one with `tideover key new`");
      }
    }
    if (!c.required && !c.keys.empty())
      for (const auto& u : made_.upstreams)
        if (u.tier == tier::cloud && u.credential) {
          warning("clients.required",
                  "is false, so callers without any of these keys use the `credential` of upstream " + u.name +
                      " too, at your expense: write `required: true` if only those with a key may call");
          break;
        }
    if (!c.required) return;
    for (const auto& u : made_.upstreams)
      if (u.tier == tier::cloud && !u.credential)
        warning("upstreams." + u.name,
                "has no `credential`: with clients.required callers send no key of its own, so "
                "it will refuse every request");
  }

  void upstreams() {
    if (made_.upstreams.empty())
      error("upstreams", "is empty, so no request could be served: name at least one upstream, or remove the key");
    if (made_.upstreams.size() > most_upstreams)
      error("upstreams", "has " + std::to_string(made_.upstreams.size()) + " entries: this version takes at most " +
                             std::to_string(most_upstreams));
    for (const auto& u : made_.upstreams) one_upstream(u);
  }

  void one_upstream(const upstream& u) {
    const std::string path = "upstreams." + u.name;
    if (u.tier == tier::cloud && u.dialect == dialect::ollama)
      error(path + ".dialect",
            "no caller's request goes to a cloud in Ollama's dialect: write openai or anthropic, or `tier: local`");
    if (u.tier == tier::local && u.dialect == dialect::anthropic)
      error(
          path + ".dialect",
          "no local server is asked in Anthropic's dialect, so this one could never serve: write ollama, or openai for "
          "llama.cpp, vLLM and LM Studio; callers of /v1/messages are served by both");
    if (u.urls.empty()) {
      error(path + ".url",
            "is missing: write where the upstream is, such as " +
                std::string(u.tier == tier::local ? "http://127.0.0.1:11434" : "https://api.openai.com"));
      return;
    }
    if (u.urls.size() > 1 && u.tier == tier::cloud)
      error(path + ".urls", "a cloud has one URL: several are for local upstreams, which share their requests");
    if (u.urls.size() > most_urls)
      error(path + ".urls", "has more than " + std::to_string(most_urls) + " entries: split it into several upstreams");
    for (std::size_t i = 0; i < u.urls.size(); ++i) {
      const auto name = u.urls.size() == 1 ? path + ".url" : path + ".urls[" + std::to_string(i) + "]";
      one_url(u, u.urls[i], name);
      for (std::size_t j = 0; j < i; ++j)
        if (u.urls[i].to_string() == u.urls[j].to_string())
          error(name, "is listed twice: its places would be counted twice too");
    }
    one_breaker(u, path + ".breaker");
    if (u.tier == tier::local)
      only_local(u, path);
    else
      only_cloud(u, path);
    const bool any_tls = std::any_of(u.urls.begin(), u.urls.end(), [](const url& w) { return w.tls; });
    if (!any_tls && !(u.tls.ca_file.empty() && u.tls.server_name.empty()))
      error(path + ".tls", "has no effect, because the URL begins with http://: write https:// or remove `tls`");
  }

  void one_breaker(const upstream& u, const std::string& path) {
    const auto& b = u.breaker;
    if (u.tier == tier::local) {
      if (b != breaker{})
        error(path, "is for clouds: the local tier is the last resort and is asked always; remove it");
      return;
    }
    if (!(b.failure_ratio > 0 && b.failure_ratio <= 1))
      error(path + ".failure_ratio", "is a share: write a number above 0 and up to 1, such as 0.5");
    if (b.open_for > b.open_for_max)
      error(path + ".open_for", duration_text(b.open_for) + " is longer than open_for_max (" +
                                    duration_text(b.open_for_max) + "): raise that, or lower this");
  }

  void only_local(const upstream& u, const std::string& path) {
    if (u.retry != retry{})
      error(path + ".retry", "is for clouds: the local tier is asked once, after them; remove it");
    const auto& r = u.readiness;
    if (!(r.min_tokens_per_second >= 0 && r.min_tokens_per_second <= 100'000))
      error(path + ".readiness.min_tokens_per_second", "must be 0 or more: 0 takes any speed");
    if (!(r.min_gpu_fraction >= 0 && r.min_gpu_fraction <= 1))
      error(path + ".readiness.min_gpu_fraction", "is a share: write a number from 0 to 1, such as 0.5");
    for (std::size_t i = 0; i < u.keep_warm.size(); ++i)
      local_model(u.keep_warm[i], path + ".keep_warm[" + std::to_string(i) + "]");
  }

  void only_cloud(const upstream& u, const std::string& path) {
    const upstream usual;
    const auto refuse = [&](bool given, const char* key) {
      if (given) error(path + "." + key, "is for local upstreams: remove it, or write `tier: local`");
    };
    refuse(u.concurrency != usual.concurrency, "concurrency");
    refuse(u.context_tokens.has_value(), "context_tokens");
    refuse(u.queue != usual.queue, "queue");
    refuse(!u.keep_warm.empty(), "keep_warm");
    refuse(u.readiness != usual.readiness, "readiness");
  }

  void one_url(const upstream& u, const url& where, const std::string& path) {
    const auto kind = kind_of_host(where.host);
    if (kind == host_kind::unspecified) {
      error(path, "names an address to listen on, not one to connect to: write 127.0.0.1 for this machine");
      return;
    }
    if (u.tier == tier::local && !u.allow_public) {
      if (kind == host_kind::public_net)
        error(path,
              "this local upstream has a public address, so what is meant to stay in the house would leave it: "
              "use a private address, write `tier: cloud`, or say `allow_public: true` if that is meant");
      if (is_known_cloud(where.host))
        error(path, "this is a cloud, not a local upstream: write `tier: cloud`, or name your own server");
    }
    if (u.tier == tier::cloud && !where.tls && kind != host_kind::loopback)
      error(path, "would send keys and prompts in clear text: write https:// for a cloud upstream");
    // A request sent to ourselves would go round until nothing is left.
    const auto is_ours = [&](const address& at) {
      const auto own = kind_of_host(at.host);
      return at.port != 0 && at.port == where.port &&
             (at.host == where.host ||
              (kind == host_kind::loopback && (own == host_kind::loopback || own == host_kind::unspecified)));
    };
    const bool loops = is_ours(made_.admin.at) || std::any_of(made_.listeners.begin(), made_.listeners.end(),
                                                              [&](const listener& l) { return is_ours(l.at); });
    if (loops) error(path, "points at Tideover itself: write the address of the server behind it");
  }

  static bool is_known_cloud(std::string_view host) {
    constexpr std::array<std::string_view, 3> clouds{"ollama.com", "openai.com", "anthropic.com"};
    if (host.ends_with('.')) host.remove_suffix(1);
    return std::any_of(clouds.begin(), clouds.end(), [&](std::string_view c) {
      return host.ends_with(c) && (host.size() == c.size() || host[host.size() - c.size() - 1] == '.');
    });
  }

  bool has_tier(tier wanted) const {
    return std::any_of(made_.upstreams.begin(), made_.upstreams.end(),
                       [&](const upstream& u) { return u.tier == wanted; });
  }

  void workflows() {
    if (made_.upstreams.empty()) return;  // said already
    const bool cloud = has_tier(tier::cloud);
    const bool local = has_tier(tier::local);
    for (const auto& [name, w] : made_.workflows) {
      const std::string path = "workflows." + name + ".policy";
      switch (w.policy) {
        case policy_kind::local_only:
          if (!local) error(path, "local_only needs an upstream with `tier: local`, and there is none: add one");
          break;
        case policy_kind::cloud_only:
          if (!cloud) error(path, "cloud_only needs an upstream with `tier: cloud`, and there is none: add one");
          if (made_.in_contingency(name))
            warning(path, "cloud_only in contingency: every request of this workflow will be refused");
          break;
        case policy_kind::cloud_first:
        case policy_kind::local_first:
          if (!local)
            warning(path, std::string(token(w.policy)) +
                              " without an upstream with `tier: local`: nothing can stand in when the cloud fails");
          if (!cloud && w.policy == policy_kind::local_first)
            warning(path, "local_first without an upstream with `tier: cloud`: nothing can stand in when local fails");
          break;
      }
    }
  }

  void workflow_details() {
    for (const auto& [name, w] : made_.workflows) {
      const std::string path = "workflows." + name;
      const bool cloud_then_local = w.policy == policy_kind::cloud_first;
      if (w.hedge_after && !cloud_then_local)
        error(path + ".hedge_after",
              w.policy == policy_kind::local_only
                  ? "would ask a cloud beside the local model, but local_only never asks one: remove it"
                  : "needs the cloud first and the local tier after it: remove it, or write `policy: cloud_first`");
      if (w.on_cut == on_cut::continue_it && !cloud_then_local)
        warning(path + ".stream.on_cut", "continue has no effect without a local tier behind a cloud: it means error");
      if (w.hedge_after)
        for (const auto& u : made_.upstreams)
          if (u.tier == tier::cloud && *w.hedge_after >= u.timeouts.first_content)
            warning(path + ".hedge_after",
                    "is no shorter than first_content of upstream " + u.name + ": streams have failed over by then");
      rules(w.models, path + ".models");
      parameters_of(w.parameters, path + ".parameters");
    }
  }

  void parameters_of(const parameters& p, const std::string& path) {
    const auto range = [&](const std::optional<double>& x, const char* key, double least, double most) {
      if (x && !(*x >= least && *x <= most))
        error(path + "." + key,
              "is out of range: write a number from " + number_text(least) + " to " + number_text(most));
    };
    range(p.temperature, "temperature", 0, 2);
    range(p.top_p, "top_p", 0, 1);
    range(p.min_p, "min_p", 0, 1);
    range(p.frequency_penalty, "frequency_penalty", -2, 2);
    range(p.presence_penalty, "presence_penalty", -2, 2);
    range(p.repeat_penalty, "repeat_penalty", 0, 2);
  }
  static std::string number_text(double whole) { return std::to_string(static_cast<int>(whole)); }

  void models() { rules(made_.models, "models"); }

  void rules(const std::vector<model_rule>& table, const std::string& where) {
    bool everything_matched = false;
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto& rule = table[i];
      const std::string path = where + "[" + std::to_string(i) + "]";
      if (everything_matched)
        warning(path, "is never reached, because an earlier rule matches every model: put it before that rule");
      everything_matched |= !rule.cloud.empty() && rule.cloud.find_first_not_of('*') == std::string::npos;
      local_model(rule.local, path + ".local");
    }
  }

  void local_model(std::string_view name, const std::string& path) {
    if (name.find('*') != std::string_view::npos)
      error(path, "must be the name of one model: `*` belongs into `cloud`");
    if (names_remote(name))
      error(path, "is a model that Ollama runs in its cloud, so it is not local: name a model that is installed here");
  }

  void limits() {
    const auto& l = made_.limits;
    if (l.replay_memory < l.request_body)
      warning("limits.replay_memory", size_text(l.replay_memory) + " is less than limits.request_body (" +
                                          size_text(l.request_body) + "): larger requests cannot fail over");
  }

  const snapshot& made_;
  std::vector<finding> found_;
};

}  // namespace

std::vector<finding> check(const snapshot& made) { return checker(made).run(); }

bool is_reserved_workflow(std::string_view name) {
  constexpr std::array<std::string_view, 9> words{"all", "on", "off", "true", "false", "yes", "no", "0", "1"};
  return std::any_of(words.begin(), words.end(), [&](std::string_view w) { return iequals(w, name); });
}

std::string no_such_workflow(std::string_view name, const snapshot& made, bool all_too) {
  std::vector<std::string_view> names;
  for (const auto& [known, w] : made.workflows) names.push_back(known);
  std::string message = "there is no workflow `" + printable(name) + "`";
  if (const auto near = nearest(name, names); !near.empty())
    return message + "; did you mean `" + std::string(near) + "`?";
  message += ": name one of ";
  for (std::size_t i = 0; i < names.size() && i < 20; ++i) message += (i ? ", " : "") + std::string(names[i]);
  return message + (names.size() > 20 ? ", …" : "") + (all_too ? ", or all" : "");
}

}  // namespace tideover::config

#include "tideover/ops/explain_order.hpp"

#include <algorithm>
#include <array>

#include "tideover/config/values.hpp"

namespace tideover::ops {
namespace {

using config::printable;
using nlohmann::json;

constexpr std::size_t most_fields = 100;
constexpr std::array<std::string_view, 7> members{"path", "method", "headers", "workflow", "model", "body", "client"};

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

std::string dump(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

/// One description while it is read; `problem` of the result stays empty as long as all is well.
class reading {
 public:
  reading(const json& from, const config::snapshot& configuration) : from_(from), configuration_(configuration) {}

  explain_order read() {
    for (const auto& [name, value] : from_.items())
      if (std::find(members.begin(), members.end(), name) == members.end())
        return wrong("`" + printable(name) +
                     "` means nothing here; known are: path, method, headers, workflow, model, "
                     "body, client");
    for (auto const name : {"path", "method", "workflow", "model", "client"})
      if (from_.contains(name) && !from_[name].is_string()) return wrong("`" + std::string(name) + "` must be text");
    request_.target = from_.value("path", std::string("/v1/chat/completions"));
    if (!request_.target.starts_with('/') && request_.target.find("://") == std::string::npos)
      return wrong("`path` must begin with a slash, such as /v1/chat/completions");
    if (!read_fields() || !read_client()) return std::move(made_);
    auto const what = find_endpoint();
    if (!read_body(what)) return std::move(made_);
    made_.request = std::move(request_);
    return std::move(made_);
  }

 private:
  explain_order wrong(std::string problem) {
    made_.problem = std::move(problem);
    return std::move(made_);
  }
  bool fail(std::string problem) {
    made_.problem = std::move(problem);
    return false;
  }

  bool read_fields() {
    if (from_.contains("headers")) {
      const auto& given = from_["headers"];
      if (!given.is_object()) return fail("`headers` must be an object of texts, such as {\"Authorization\": \"…\"}");
      if (given.size() > most_fields) return fail("`headers` has more than 100 members");
      for (const auto& [name, value] : given.items()) {
        if (!is_token(name)) return fail("`headers`: `" + printable(name) + "` is no name of a header field");
        if (!value.is_string() || has_controls(value.get_ref<const std::string&>()))
          return fail("`headers." + printable(name) + "` must be text without control characters");
        request_.fields.emplace_back(name, trimmed(value.get<std::string>()));
      }
    }
    if (!from_.contains("workflow")) return true;
    auto const name = from_["workflow"].get<std::string>();
    if (has_controls(name)) return fail("`workflow` must be text without control characters");
    request_.fields.emplace_back("X-Tideover-Workflow", trimmed(name));
    return true;
  }

  bool read_client() {
    if (!from_.contains("client")) return true;
    request_.client = from_["client"].get<std::string>();
    std::vector<std::string_view> names;
    for (const auto& key : configuration_.clients.keys) names.push_back(key.name);
    if (std::find(names.begin(), names.end(), *request_.client) != names.end()) return true;
    auto const near = config::nearest(*request_.client, names);
    return fail("there is no key `" + printable(*request_.client) + "` under clients.keys" +
                (near.empty() ? std::string() : "; did you mean `" + std::string(near) + "`?"));
  }

  /// Where no method is given it is POST, or GET where the path takes no POST.
  endpoint find_endpoint() {
    request_head head;
    request_.method = from_.value("method", std::string("POST"));
    head.method = request_.method;
    head.target = request_.target;
    auto const found = policy::find_route(head, configuration_);
    if (!from_.contains("method") && found.refuse_status == 405) request_.method = "GET";
    return found.what;
  }

  bool read_body(endpoint what) {
    bool const judged = is_judged(what);
    bool const takes_one = request_.method != "GET" && request_.method != "HEAD";
    if (from_.contains("body") && from_["body"].is_string()) {
      if (from_.contains("model")) return fail("`model` cannot be put into a `body` that is text: write it there");
      request_.body = from_["body"].get<std::string>();
      return true;
    }
    json body;
    if (from_.contains("body")) {
      body = from_["body"];
      if (!body.is_object()) return fail("`body` must be an object, or text");
    } else if (takes_one && (judged || what == endpoint::ollama_native)) {
      body = usual_body(what);
      made_.assumed.emplace_back("a short body, because none was given");
    } else {
      return true;
    }
    if (from_.contains("model")) {
      body["model"] = from_["model"];
    } else if (judged && !from_.contains("body")) {
      bool const claude = what == endpoint::messages || what == endpoint::count_tokens;
      body["model"] = claude                         ? "claude-sonnet-4-5"
                      : what == endpoint::embeddings ? "text-embedding-3-small"
                                                     : "gpt-4o-mini";
      made_.assumed.push_back("model " + body["model"].get<std::string>() + ", because none was given");
    }
    request_.body = dump(body);
    return true;
  }

  static json usual_body(endpoint what) {
    json const said = json::array({{{"role", "user"}, {"content", "Hello."}}});
    switch (what) {
      case endpoint::completions: return {{"prompt", "Hello."}};
      case endpoint::responses:
      case endpoint::embeddings: return {{"input", "Hello."}};
      case endpoint::messages: return {{"max_tokens", 256}, {"messages", said}};
      default: return {{"messages", said}};
    }
  }

  const json& from_;
  const config::snapshot& configuration_;
  policy::described_request request_;
  explain_order made_;
};

}  // namespace

explain_order read_explain_order(const json& from, const config::snapshot& configuration) {
  if (!from.is_object()) return {{}, {}, "describe the request in an object, such as {\"workflow\": \"default\"}"};
  return reading(from, configuration).read();
}

}  // namespace tideover::ops

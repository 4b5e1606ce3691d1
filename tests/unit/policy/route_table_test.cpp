#include "tideover/policy/route_table.hpp"

#include <gtest/gtest.h>

#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;

struct RouteTable : testing::Test {
  config::snapshot configuration = house();
  route find(std::string_view method, std::string_view target, const field_list& list = {}) {
    return find_route(request(method, target, list), configuration);
  }
};

TEST_F(RouteTable, EveryRowOfTheContractHasItsEndpoint) {
  struct {
    std::string_view method, target;
    endpoint what;
  } const rows[] = {
      {"POST", "/v1/chat/completions", endpoint::chat_completions},
      {"POST", "/v1/completions", endpoint::completions},
      {"POST", "/v1/responses", endpoint::responses},
      {"POST", "/v1/messages", endpoint::messages},
      {"POST", "/v1/messages?beta=true", endpoint::messages},
      {"POST", "/v1/messages/count_tokens?beta=true", endpoint::count_tokens},
      {"POST", "/v1/embeddings", endpoint::embeddings},
      {"GET", "/v1/models", endpoint::models},
      {"HEAD", "/v1/models", endpoint::models},
      {"GET", "/v1/models?limit=1000", endpoint::models},
      {"GET", "/v1/models/gpt-4o", endpoint::models},
      {"GET", "/v1/models/ft:gpt-4o:acme::1", endpoint::models},
      {"DELETE", "/v1/models/ft:gpt-4o:acme::1", endpoint::other_v1},
      {"POST", "/v1/files", endpoint::other_v1},
      {"POST", "/v1/messages/batches", endpoint::other_v1},
      {"GET", "/v1/chat/completions?limit=2", endpoint::other_v1},
      {"GET", "/v1/chat/completions/chatcmpl-1", endpoint::other_v1},
      {"DELETE", "/v1/responses/resp_1", endpoint::other_v1},
      {"POST", "/v1/chat/completionsX", endpoint::other_v1},
      {"POST", "/v1/%63hat/completions", endpoint::other_v1},  // nothing is decoded
      {"POST", "/api/chat", endpoint::ollama_native},
      {"POST", "/api/generate", endpoint::ollama_native},
      {"POST", "/api/embed", endpoint::ollama_native},
      {"POST", "/api/show", endpoint::ollama_native},
      {"GET", "/api/tags", endpoint::ollama_native},
      {"HEAD", "/api/tags", endpoint::ollama_native},
      {"GET", "/api/ps", endpoint::ollama_native},
      {"GET", "/api/version", endpoint::ollama_native},
  };
  for (const auto& row : rows) {
    auto const r = find(row.method, row.target);
    EXPECT_EQ(r.what, row.what) << row.method << ' ' << row.target;
    EXPECT_EQ(r.refuse_status, 0) << row.target << ": " << r.refuse_message;
    EXPECT_EQ(r.path_and_query, row.target);
    EXPECT_EQ(r.path, row.target.substr(0, row.target.find('?')));
    ASSERT_NE(r.workflow, nullptr);
    EXPECT_EQ(r.workflow->name, "default");
  }
}

/// A bound key and two names of the caller's make three workflows; contingency of any of them counts, and the looser of
/// the caller's two used to be forgotten.
TEST_F(RouteTable, AllWorkflowsThatWereNamedAreRemembered) {
  struct {
    std::string_view path, field, bound, workflow, also, also_too, policy_of;
    named_by by;
  } const rows[] = {
      {"/v1/messages", "", "", "default", "", "", "default", named_by::nothing},
      {"/w/cloud_only/v1/messages", "", "", "cloud_only", "", "", "cloud_only", named_by::path},
      {"/v1/messages", "cloud_only", "", "cloud_only", "", "", "cloud_only", named_by::field},
      {"/w/cloud_only/v1/messages", "local_first", "", "local_first", "cloud_only", "", "local_first", named_by::field},
      {"/w/cloud_only/v1/messages", "", "cloud_first", "cloud_first", "cloud_only", "", "cloud_first", named_by::key},
      {"/w/cloud_only/v1/messages", "local_first", "cloud_first", "cloud_first", "local_first", "cloud_only",
       "local_first", named_by::key},
      {"/w/cloud_only/v1/messages", "local_first", "cloud_only", "cloud_only", "local_first", "", "local_first",
       named_by::key},
      {"/w/cloud_only/v1/messages", "local_first", "local_first", "local_first", "cloud_only", "", "local_first",
       named_by::key},
  };
  const auto name = [](const config::workflow* w) { return w ? std::string_view(w->name) : std::string_view(); };
  for (const auto& row : rows) {
    field_list fields;
    if (!row.field.empty()) fields.emplace_back("X-Tideover-Workflow", row.field);
    auto const r = find_route(request("POST", row.path, fields), configuration, row.bound);
    std::string const which = std::string(row.path) + " " + std::string(row.field) + " " + std::string(row.bound);
    EXPECT_EQ(name(r.workflow), row.workflow) << which;
    EXPECT_EQ(name(r.also), row.also) << which;
    EXPECT_EQ(name(r.also_too), row.also_too) << which;
    EXPECT_EQ(name(r.policy_of), row.policy_of) << which;
    EXPECT_EQ(r.policy, r.policy_of->policy) << which;
    EXPECT_EQ(r.workflow_by, row.by) << which;
  }
}

TEST_F(RouteTable, RefusesWithStatusAndCode) {
  struct {
    std::string_view method, target;
    int status;
    std::string_view code, allow;
  } const rows[] = {
      {"DELETE", "/v1/chat/completions", 405, "method_not_allowed", "GET, HEAD, POST"},
      {"PUT", "/v1/messages", 405, "method_not_allowed", "POST"},
      {"post", "/v1/messages", 405, "method_not_allowed", "POST"},  // methods are case-sensitive
      {"POST", "/v1/models", 405, "method_not_allowed", "GET, HEAD"},
      {"GET", "/api/chat", 405, "method_not_allowed", "POST"},
      {"POST", "/api/tags", 405, "method_not_allowed", "GET, HEAD"},
      {"BREW", "/v1/files", 405, "method_not_allowed", "GET, HEAD, POST, PUT, PATCH, DELETE"},
      {"OPTIONS", "*", 405, "method_not_allowed", "GET, HEAD, POST, PUT, PATCH, DELETE"},
      {"TRACE", "/v1/models", 405, "method_not_allowed", "GET, HEAD, POST, PUT, PATCH, DELETE"},
      {"CONNECT", "api.openai.com:443", 405, "method_not_allowed", "GET, HEAD, POST, PUT, PATCH, DELETE"},
      {"POST", "/api/pull", 403, "forbidden_path", ""},
      {"POST", "/api/push", 403, "forbidden_path", ""},
      {"POST", "/api/create", 403, "forbidden_path", ""},
      {"POST", "/api/copy", 403, "forbidden_path", ""},
      {"DELETE", "/api/delete", 403, "forbidden_path", ""},
      {"POST", "/api/blobs/sha256:00", 403, "forbidden_path", ""},
      {"HEAD", "/api/blobs/sha256:00", 403, "forbidden_path", ""},
      {"POST", "/api/me", 403, "forbidden_path", ""},
      {"POST", "/api/signout", 403, "forbidden_path", ""},
      {"DELETE", "/api/user/keys/1", 403, "forbidden_path", ""},
      {"POST", "/api/experimental/web_search", 403, "forbidden_path", ""},
      {"GET", "/debug/pprof/", 403, "forbidden_path", ""},
      {"POST", "/w/local_only/api/pull", 403, "forbidden_path", ""},
      {"GET", "/", 404, "unknown_path", ""},
      {"HEAD", "/api/hello", 404, "unknown_path", ""},
      {"POST", "/api/pullX", 404, "unknown_path", ""},
      {"POST", "/api/chat/", 404, "unknown_path", ""},
      {"GET", "/v1", 404, "unknown_path", ""},
      {"GET", "/v1/", 404, "unknown_path", ""},
      {"POST", "/V1/chat/completions", 404, "unknown_path", ""},
      {"POST", "/w/default", 404, "unknown_path", ""},
      {"POST", "/w/default/w/default/v1/messages", 404, "unknown_path", ""},
      {"POST", "//v1/chat/completions", 400, "bad_target", ""},
      {"POST", "/v1//chat/completions", 400, "bad_target", ""},
      {"GET", "/v1/files/../models", 400, "bad_target", ""},
      {"GET", "/v1/files/..", 400, "bad_target", ""},
      {"GET", "/v1/./models", 400, "bad_target", ""},
      {"GET", "/v1/files/%2e%2E/models", 400, "bad_target", ""},
      {"GET", "/v1/files/.%2e/models", 400, "bad_target", ""},
      {"GET", "/v1/files%2Fx", 400, "bad_target", ""},
      {"GET", "/v1/files%2fx", 400, "bad_target", ""},
      {"GET", "/v1/files%5cx", 400, "bad_target", ""},
      {"GET", "/v1/files%00", 400, "bad_target", ""},
      {"GET", "/v1/files\\x", 400, "bad_target", ""},
      {"GET", "/v1/fi les", 400, "bad_target", ""},
      {"GET", "/v1/models#x", 400, "bad_target", ""},
      {"GET", "/v1/\xc3\xa4", 400, "bad_target", ""},
      {"GET", "v1/models", 400, "bad_target", ""},
      {"GET", "", 400, "bad_target", ""},
      {"GET", "ftp://127.0.0.1/v1/models", 400, "bad_target", ""},
      {"GET", "http:///v1/models", 400, "bad_target", ""},
      {"GET", "http://user:secret@127.0.0.1/v1/models", 400, "bad_target", ""},
      {"POST", "/w//v1/messages", 400, "bad_target", ""},
      {"POST", "/w/nobody/v1/messages", 400, "unknown_workflow", ""},
      {"POST", "/w/Default/v1/messages", 400, "unknown_workflow", ""},
      {"POST", "/w/de%66ault/v1/messages", 400, "unknown_workflow", ""},
  };
  for (const auto& row : rows) {
    auto const r = find(row.method, row.target);
    EXPECT_EQ(r.refuse_status, row.status) << row.method << ' ' << row.target;
    EXPECT_EQ(r.refuse_code, row.code) << row.method << ' ' << row.target;
    EXPECT_EQ(r.allow, row.allow) << row.method << ' ' << row.target;
    EXPECT_FALSE(r.refuse_message.empty()) << row.target;
    EXPECT_EQ(candidates_for(r, configuration).size, 0) << row.target;
  }
}

/// Most paths are told to be plain by a table; whatever is not in it goes the long way and must end as it always did.
TEST_F(RouteTable, EveryByteOfAPathIsJudged) {
  for (std::string_view const before : {"/v1/files/a", "/v1/files/"}) {
    for (int byte = 0x01; byte < 256; ++byte) {
      auto const c = static_cast<char>(byte);
      if (c == '?') continue;  // ends the path
      auto const target = std::string(before) + c + "b";
      bool const invisible = byte <= 0x20 || byte >= 0x7f;
      bool const doubled = c == '/' && before.back() == '/';
      bool const refused = invisible || doubled || c == '\\' || c == '#';
      EXPECT_EQ(find("GET", target).refuse_status, refused ? 400 : 0) << before << ' ' << byte;
    }
  }
}

TEST_F(RouteTable, DotsThatAreNoSegmentsPass) {
  for (std::string_view const target : {"/v1/files/...", "/v1/files/.hidden", "/v1/files/a..b", "/v1/files/%2e%2e%2e"})
    EXPECT_EQ(find("GET", target).refuse_status, 0) << target;
}

TEST_F(RouteTable, AnAbsoluteTargetIsItsPathAndLeavesItsAuthorityForTheHostRules) {
  auto const r = find("POST", "HTTP://tide.local:6837/w/local_only/v1/messages?beta=true");
  EXPECT_EQ(r.authority, "tide.local:6837");
  EXPECT_EQ(r.path_and_query, "/v1/messages?beta=true");
  EXPECT_EQ(r.path, "/v1/messages");
  EXPECT_EQ(r.workflow->name, "local_only");
  EXPECT_EQ(find("GET", "https://a/v1/models").authority, "a");
  EXPECT_EQ(find("GET", "http://a").refuse_code, "unknown_path");
  EXPECT_EQ(find("GET", "http://a?x=/v1/models").refuse_code, "unknown_path");
}

TEST_F(RouteTable, ThePathPrefixIsStrippedAndNamesTheWorkflow) {
  auto const r = find("POST", "/w/cloud_only/v1/responses?a=b");
  EXPECT_EQ(r.what, endpoint::responses);
  EXPECT_EQ(r.path_and_query, "/v1/responses?a=b");
  EXPECT_EQ(r.workflow->name, "cloud_only");
}

TEST_F(RouteTable, WorkflowNamesEndAt64Characters) {
  std::string const longest(64, 'x');
  configuration.workflows[longest] = {.name = longest};
  configuration.workflows[longest + "x"] = {.name = longest + "x"};
  EXPECT_EQ(find("POST", "/w/" + longest + "/v1/messages").refuse_status, 0);
  EXPECT_EQ(find("POST", "/w/" + longest + "x/v1/messages").refuse_code, "unknown_workflow");
}

TEST_F(RouteTable, TheHeaderNamesTheWorkflowWhateverItsCase) {
  EXPECT_EQ(find("POST", "/v1/messages", {{"x-TIDEOVER-workflow", "local_first"}}).workflow->name, "local_first");
}

TEST_F(RouteTable, AnUnknownEmptyOrRepeatedHeaderIsRefusedAndNeverReadAsDefault) {
  for (std::string_view const value : {"", "nobody", "LOCAL_ONLY", "local_only, default", "local_only\r\nX: y"}) {
    auto const r = find("POST", "/v1/messages", {{"X-Tideover-Workflow", value}});
    EXPECT_EQ(r.refuse_status, 400) << value;
    EXPECT_EQ(r.refuse_code, "unknown_workflow");
    EXPECT_EQ(r.refuse_message.find('\r'), std::string::npos);
  }
  EXPECT_EQ(find("POST", "/v1/messages", {{"X-Tideover-Workflow", "local_only"}, {"X-Tideover-Workflow", "local_only"}})
                .refuse_status,
            400);
}

TEST_F(RouteTable, ACallerCanOnlyTighten) {
  // From loose to strict, as the contract orders them.
  std::string_view const ranks[] = {"cloud_only", "cloud_first", "local_first", "local_only"};
  for (std::size_t path = 0; path < 4; ++path)
    for (std::size_t field = 0; field < 4; ++field) {
      auto const target = "/w/" + std::string(ranks[path]) + "/v1/messages";
      auto const r = find("POST", target, {{"X-Tideover-Workflow", ranks[field]}});
      EXPECT_EQ(r.workflow->name, ranks[std::max(path, field)]) << path << field;
    }
}

TEST_F(RouteTable, WhatTheCallerSpeaksFollowsFromPathAndHeaders) {
  struct {
    std::string_view target;
    field_list headers;
    bool speaks_anthropic;
    dialect cloud;
  } const rows[] = {
      {"/v1/messages", {}, true, dialect::anthropic},
      {"/v1/messages/count_tokens", {{"Authorization", "Bearer k"}}, true, dialect::anthropic},
      {"/v1/messages/batches", {}, true, dialect::anthropic},
      {"/v1/messagesX", {}, false, dialect::openai},
      {"/v1/models", {}, false, dialect::openai},
      {"/v1/models", {{"Authorization", "Bearer k"}}, false, dialect::openai},
      {"/v1/models", {{"x-api-key", "k"}}, true, dialect::anthropic},
      {"/v1/models", {{"x-api-key", "k"}, {"authorization", "Bearer k"}}, false, dialect::openai},
      {"/v1/models", {{"Authorization", "Bearer k"}, {"Anthropic-Version", "2023-06-01"}}, true, dialect::anthropic},
      {"/v1/files", {{"X-Api-Key", "k"}}, true, dialect::anthropic},
      {"/v1/files", {}, false, dialect::openai},
      {"/v1/chat/completions", {{"x-api-key", "k"}}, true, dialect::openai},
  };
  for (const auto& row : rows) {
    auto const r = find(row.target.starts_with("/v1/models") ? "GET" : "POST", row.target, row.headers);
    EXPECT_EQ(r.caller_speaks_anthropic, row.speaks_anthropic) << row.target;
    EXPECT_EQ(r.cloud_dialect, row.cloud) << row.target;
  }
}

struct Candidates : RouteTable {
  std::vector<std::uint16_t> of(endpoint what, policy_kind policy, std::string_view model = {},
                                enum dialect cloud = dialect::openai) {
    route r;
    r.what = what;
    r.cloud_dialect = cloud;
    r.workflow = &configuration.workflows.at(std::string(token(policy)));
    r.policy = r.workflow->policy;
    auto const list = candidates_for(r, configuration, model);
    return {list.index, list.index + list.size};
  }
};
using order = std::vector<std::uint16_t>;

constexpr endpoint all_endpoints[] = {endpoint::chat_completions, endpoint::completions,  endpoint::responses,
                                      endpoint::messages,         endpoint::count_tokens, endpoint::embeddings,
                                      endpoint::models,           endpoint::other_v1,     endpoint::ollama_native,
                                      endpoint::unknown};
constexpr policy_kind all_policies[] = {policy_kind::cloud_first, policy_kind::local_first, policy_kind::cloud_only,
                                        policy_kind::local_only};

TEST_F(Candidates, FollowTheWorkflowsPolicy) {
  for (auto const what : {endpoint::chat_completions, endpoint::completions, endpoint::responses, endpoint::models}) {
    EXPECT_EQ(of(what, policy_kind::cloud_first), (order{openai, ollama}));
    EXPECT_EQ(of(what, policy_kind::local_first), (order{ollama, openai}));
    EXPECT_EQ(of(what, policy_kind::cloud_only), (order{openai}));
    EXPECT_EQ(of(what, policy_kind::local_only), (order{ollama}));
  }
}

TEST_F(Candidates, TheCloudIsTheFirstOfTheRightDialectAndNoOther) {
  configuration.upstreams.push_back(upstream("azure", tier::cloud, dialect::openai));
  configuration.upstreams.push_back(upstream("vllm", tier::local, dialect::openai));
  EXPECT_EQ(of(endpoint::messages, policy_kind::cloud_first, {}, dialect::anthropic), (order{anthropic, ollama, 4}));
  EXPECT_EQ(of(endpoint::chat_completions, policy_kind::cloud_first), (order{openai, ollama, 4}));
}

TEST_F(Candidates, LocalOnlyNeverListsACloudUpstreamNorCloudOnlyALocalOne) {
  configuration.models = {{"nomic-embed-text", "nomic-embed-text"}};
  for (auto const what : all_endpoints)
    for (auto const speaks : {dialect::openai, dialect::anthropic, dialect::ollama}) {
      for (auto const i : of(what, policy_kind::local_only, "nomic-embed-text", speaks))
        EXPECT_EQ(configuration.upstreams[i].tier, tier::local) << token(what);
      for (auto const i : of(what, policy_kind::cloud_only, "nomic-embed-text", speaks))
        EXPECT_EQ(configuration.upstreams[i].tier, tier::cloud) << token(what);
    }
}

TEST_F(Candidates, OfABoundKeyStayWithItsWorkflowUnderTheStrictestPolicyThatWasNamed) {
  struct row {
    const char *bound, *path, *field, *workflow;
    policy_kind policy;
  };
  for (auto const& r : std::vector<row>{
           {"local_only", "/w/cloud_only/v1/models", "", "local_only", policy_kind::local_only},
           {"local_only", "/v1/models", "default", "local_only", policy_kind::local_only},
           {"cloud_only", "/v1/models", "", "cloud_only", policy_kind::cloud_only},
           {"cloud_only", "/w/local_only/v1/models", "", "cloud_only", policy_kind::local_only},
           {"cloud_only", "/w/cloud_first/v1/models", "local_first", "cloud_only", policy_kind::local_first},
           {"", "/w/cloud_first/v1/models", "local_only", "local_only", policy_kind::local_only},
       }) {
    field_list sent;
    if (*r.field != '\0') sent.push_back({"X-Tideover-Workflow", r.field});
    auto const head = request("GET", r.path, sent);
    auto const found = find_route(head, configuration, r.bound);
    ASSERT_NE(found.workflow, nullptr) << r.path;
    EXPECT_EQ(found.workflow->name, r.workflow) << r.path;
    EXPECT_EQ(found.policy, r.policy) << r.path;
  }
  EXPECT_EQ(find_route(request("GET", "/w/nope/v1/models"), configuration, "local_only").refuse_status, 400);
}

TEST_F(Candidates, SomeEndpointsExistOnOneSideOnly) {
  for (auto const policy : all_policies) {
    bool const may_use_cloud = policy != policy_kind::local_only;
    bool const may_use_local = policy != policy_kind::cloud_only;
    EXPECT_EQ(of(endpoint::other_v1, policy), may_use_cloud ? order{openai} : order{});
    EXPECT_EQ(of(endpoint::count_tokens, policy, {}, dialect::anthropic), may_use_cloud ? order{anthropic} : order{});
    EXPECT_EQ(of(endpoint::ollama_native, policy), may_use_local ? order{ollama} : order{});
    EXPECT_EQ(of(endpoint::unknown, policy), order{});
  }
}

TEST_F(Candidates, EmbeddingsGoLocalOnlyWhereTheVerySameModelIsNamedOnBothSides) {
  configuration.models = {{"nomic-embed-text", "nomic-embed-text:latest"}, {"*", "all-minilm"}};
  auto const in = [&](std::string_view model) { return of(endpoint::embeddings, policy_kind::cloud_first, model); };
  EXPECT_EQ(in("nomic-embed-text"), (order{openai, ollama}));
  EXPECT_EQ(in("text-embedding-3-small"), (order{openai}));
  EXPECT_EQ(in(""), (order{openai}));
  configuration.models.clear();
  EXPECT_EQ(in("nomic-embed-text"), (order{openai}));
  EXPECT_EQ(of(endpoint::embeddings, policy_kind::local_only, "nomic-embed-text"), order{});
}

TEST_F(Candidates, MoreUpstreamsThanTheListHoldsAreLeftOut) {
  for (int i = 0; i < 20; ++i) configuration.upstreams.push_back(upstream("more", tier::local, dialect::ollama));
  EXPECT_EQ(of(endpoint::messages, policy_kind::local_only).size(), candidate_list::capacity);
}

}  // namespace
}  // namespace tideover::policy

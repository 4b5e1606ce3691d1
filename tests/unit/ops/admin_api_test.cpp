// Who may ask the admin API what: doors, tokens, foreign pages, methods; and what orders about contingency are taken.
#include "tideover/ops/admin_api.hpp"

#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"
#include "tideover/ops/admin_contingency.hpp"
#include "tideover/ops/event_feed.hpp"
#include "tideover/ops/status.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;
using fields = std::vector<std::pair<std::string, std::string>>;

field_id id_of(const std::string& name) { return boost::beast::http::string_to_field({name.data(), name.size()}); }

struct Api : testing::Test {
  Api() {
    api.on("GET", "/api/thing", [](const admin_call&) { return text_reply("read"); });
    api.on("PUT", "/api/thing", [this](const admin_call& call) {
      ++changes;
      return text_reply("changed by " + call.who);
    });
    api.on("POST", "/api/act", [this](const admin_call&) { return ++changes, text_reply("acted"); });
    api.on("GET", "/api/things/", [](const admin_call& call) { return text_reply(std::string(call.path)); });
    api.on_open("/livez", [](const admin_call&) { return text_reply("ok"); });
    api.set_token(secret("the-right-token-of-this-test"));
  }

  admin_reply ask(std::string method, std::string target, fields extra = {}, std::string body = {}) {
    request_head head;
    head.method = method;
    head.target = target;
    if (std::none_of(extra.begin(), extra.end(), [](const auto& f) { return f.first == "Host"; }))
      extra.emplace_back("Host", "127.0.0.1:6838");
    if (!body.empty()) extra.emplace_back("Content-Length", std::to_string(body.size()));
    for (const auto& [name, value] : extra) head.fields.list.push_back({id_of(name), name, value});
    if (auto refused = api.refuse(head, door, now)) return *refused;
    return api.answer(head, body, door);
  }
  static std::string header(const admin_reply& reply, std::string_view name) {
    for (const auto& [n, v] : reply.headers)
      if (n == name) return v;
    return {};
  }

  admin_api api{{"machine", {"admin.example.com"}}};
  admin_door door{.address = "127.0.0.1"};
  time_point now{1h};
  int changes = 0;
  const fields json{{"Content-Type", "application/json"}};
  const fields with_token{{"Content-Type", "application/json"},
                          {"Authorization", "Bearer the-right-token-of-this-test"}};
};

TEST_F(Api, OverTcpReadsAreOpenAndChangesNeedTheToken) {
  EXPECT_EQ(ask("GET", "/api/thing").body, "read");
  EXPECT_EQ(ask("PUT", "/api/thing", json, "{}").status, 401);
  EXPECT_EQ(header(ask("PUT", "/api/thing", json, "{}"), "WWW-Authenticate").substr(0, 6), "Bearer");
  EXPECT_EQ(changes, 0);
  EXPECT_EQ(ask("PUT", "/api/thing", with_token, "{}").body, "changed by token from 127.0.0.1");
  EXPECT_EQ(changes, 1);
}

TEST_F(Api, TokensThatAreNotExactlyItAreWrong) {
  for (const auto* wrong :
       {"Bearer", "Bearer ", "Bearer x", "Basic the-right-token-of-this-test", "the-right-token-of-this-test",
        "Bearer the-right-token-of-this-tesT", "Bearer the-right-token-of-this-test2",
        "Bearer the-right-token-of-this-tes", "Bearer the-right-token-of-this-test, Bearer x"}) {
    now += 10min;  // each on its own: not slowed down by those before
    EXPECT_EQ(ask("PUT", "/api/thing", {{"Content-Type", "application/json"}, {"Authorization", wrong}}, "{}").status,
              401)
        << wrong;
  }
  auto twice = with_token;
  twice.push_back(twice.back());
  EXPECT_EQ(ask("PUT", "/api/thing", twice, "{}").status, 401);
  EXPECT_EQ(changes, 0);
}

TEST_F(Api, WithoutAConfiguredTokenNobodyChangesAnythingOverTcp) {
  api.set_token(std::nullopt);
  auto const refused = ask("PUT", "/api/thing", with_token, "{}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("admin.token"), std::string::npos);
  EXPECT_EQ(ask("PUT", "/api/thing", {{"Content-Type", "application/json"}, {"Authorization", "Bearer "}}, "{}").status,
            403);
  EXPECT_EQ(changes, 0);
}

TEST_F(Api, OverTheUnixSocketNoTokenIsNeededAndThePeerIsNamed) {
  api.set_token(std::nullopt);
  door = {.trusted = true, .who = "root (uid 0)"};
  EXPECT_EQ(ask("PUT", "/api/thing", json, "{}").body, "changed by root (uid 0)");
}

TEST_F(Api, AListenerThatOthersCanReachNeedsTheTokenForReadsButNotForProbes) {
  door.reads_need_token = true;
  EXPECT_EQ(ask("GET", "/api/thing").status, 401);
  EXPECT_EQ(ask("GET", "/api/thing", with_token).status, 200);
  EXPECT_EQ(ask("GET", "/livez").status, 200);
}

TEST_F(Api, SlowsDownWhoGuessesTokensAndNobodyElse) {
  const fields wrong{{"Content-Type", "application/json"}, {"Authorization", "Bearer wrong"}};
  for (unsigned i = 0; i < policy::guess_limiter::free_guesses; ++i)
    EXPECT_EQ(ask("PUT", "/api/thing", wrong, "{}").status, 401);
  auto const slowed = ask("PUT", "/api/thing", with_token, "{}");
  EXPECT_EQ(slowed.status, 429) << "the right one is not told from a wrong one meanwhile";
  EXPECT_EQ(header(slowed, "Retry-After"), "1");
  EXPECT_EQ(ask("GET", "/api/thing").status, 200);
  door.address = "192.0.2.7";
  EXPECT_EQ(ask("PUT", "/api/thing", with_token, "{}").status, 200);
  door.address = "127.0.0.1";
  now += 1s;
  EXPECT_EQ(ask("PUT", "/api/thing", with_token, "{}").status, 200);
}

TEST_F(Api, RefusesForeignHostsThroughEveryDoor) {
  for (bool const trusted : {false, true}) {
    door.trusted = trusted;
    for (const auto* host : {"evil.test", "", "127.0.0.1.evil.test", "localhost.evil.test", "user@localhost"})
      EXPECT_EQ(ask("GET", "/api/thing", {{"Host", host}}).status, 421) << host;
    for (const auto* host : {"localhost", "127.0.0.1:6838", "[::1]:6838", "admin.example.com", "machine"})
      EXPECT_EQ(ask("GET", "/api/thing", {{"Host", host}}).status, 200) << host;
  }
}

TEST_F(Api, RefusesWhatAPageOfAnotherSiteCanSend) {
  struct row {
    const char *name, *value;
    int status;
  };
  for (auto const& [name, value, status] :
       std::vector<row>{{"Origin", "http://evil.test", 403},
                        {"Origin", "null", 403},
                        {"Origin", "http://127.0.0.1:6837", 403},  // another port is another origin
                        {"Origin", "http://127.0.0.1:6838", 200},
                        {"Sec-Fetch-Site", "cross-site", 403},
                        {"Sec-Fetch-Site", "same-site", 403},
                        {"Sec-Fetch-Site", "same-origin", 200},
                        {"Sec-Fetch-Site", "none", 200}}) {
    auto all = with_token;
    all.emplace_back(name, value);
    EXPECT_EQ(ask("PUT", "/api/thing", all, "{}").status, status) << name << ": " << value;
  }
  for (const auto* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
                           "text/json", "application/jsonp"}) {
    fields all{with_token[1]};
    all.emplace_back("Content-Type", type);
    EXPECT_EQ(ask("PUT", "/api/thing", all, "{}").status, 415) << type;
  }
  EXPECT_EQ(ask("POST", "/api/act", {with_token[1]}).status, 415) << "not even without a body";
  EXPECT_EQ(
      ask("PUT", "/api/thing", {with_token[1], {"Content-Type", "Application/JSON ; charset=utf-8"}}, "{}").status,
      200);
}

TEST_F(Api, NoChangeIsMadeByGet) {
  for (const auto* method : {"GET", "HEAD"}) EXPECT_EQ(ask(method, "/api/act", with_token).status, 405) << method;
  EXPECT_EQ(changes, 0);
}

TEST_F(Api, AWrongMethodIsToldTheRightOnes) {
  auto const wrong = ask("DELETE", "/api/thing", with_token);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header(wrong, "Allow"), "GET, HEAD, PUT");
  EXPECT_EQ(ask("POST", "/livez", with_token, "{}").status, 405);
  EXPECT_EQ(ask("GET", "/nothing").status, 404);
}

TEST_F(Api, AnswersPathsBelowAPrefixAndNoOthers) {
  EXPECT_EQ(ask("GET", "/api/things/17?x=1").body, "/api/things/17");
  EXPECT_EQ(ask("GET", "/api/things/").status, 404);
  EXPECT_EQ(ask("GET", "/api/things").status, 404);
}

TEST_F(Api, TakesOnlyJsonObjectsAsBodies) {
  for (const auto* body : {"[]", "1", "nonsense", "{", "\"x\"", "{}{}"})
    EXPECT_EQ(ask("PUT", "/api/thing", with_token, body).status, 400) << body;
  EXPECT_EQ(changes, 0);
}

// --- contingency ----------------------------------------------------------------------------------------------------

struct ContingencyApi : Api {
  ContingencyApi() {
    auto made = std::make_shared<config::snapshot>();
    for (const auto* name : {"default", "legal"}) made->workflows[name].name = name;
    configuration = made;
    door = {.trusted = true, .who = "root (uid 0)"};
    serve_contingency(api, control, [this] { return configuration; });
  }
  admin_reply put(std::string body) { return ask("PUT", "/api/contingency", json, std::move(body)); }
  admin_reply lift(std::string body = {}) { return ask("DELETE", "/api/contingency", json, std::move(body)); }

  test::temporary_folder folder;
  config::snapshot_ptr configuration;
  journal events{{.directory = folder.path()}};
  proxy::contingency_view view;
  contingency_control control{{}, contingency_store(folder.path()), events, view, 0, time_point{}};
};

TEST_F(ContingencyApi, TurnsOnForNamedWorkflowsAndSaysWhoAndWhy) {
  auto const reply = put(R"({"workflows":["legal"],"reason":"outage at the provider","for":"2h"})");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_TRUE(view.active("legal"));
  EXPECT_FALSE(view.active("default"));
  auto const shown = nlohmann::json::parse(reply.body);
  EXPECT_EQ(shown["sources"][0]["who"], "root (uid 0)");
  EXPECT_EQ(shown["sources"][0]["reason"], "outage at the provider");
  EXPECT_TRUE(shown["sources"][0]["until"].is_string());
  EXPECT_EQ(shown["persisted"], true);
}

TEST_F(ContingencyApi, WithoutWorkflowsMeansAll) {
  EXPECT_EQ(put(R"({"reason":"r"})").status, 200);
  EXPECT_TRUE(view.active("default"));
}

TEST_F(ContingencyApi, AWrongOrderChangesNothingAndNamesTheFix) {
  struct row {
    const char *body, *says;
  };
  for (auto const& [body, says] : std::vector<row>{
           {R"({})", "`reason` is missing"},
           {R"({"reason":"  "})", "`reason` is missing"},
           {R"({"reason":7})", "`reason` must be a text"},
           {R"({"reason":"r","workflows":[]})", "must be a list of names"},
           {R"({"reason":"r","workflows":"legal"})", "must be a list of names"},
           {R"({"reason":"r","workflows":["lgal"]})", "did you mean `legal`"},
           {R"({"reason":"r","workflows":["legal",1]})", "must be a list of names"},
           {R"({"reason":"r","workflow":["legal"]})", "`workflow` means nothing here"},
           {R"({"reason":"r","for":"2 hours"})", "`for`"},
           {R"({"reason":"r","for":7200})", "`for` must be a duration"},
           {R"({"reason":"r","for":"0s"})", "`for` must be longer"},
           {R"({"reason":"r","for":"4000d"})", "`for`"},
       }) {
    auto const reply = put(body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NE(reply.body.find(says), std::string::npos) << body << "\n" << reply.body;
  }
  EXPECT_FALSE(control.state().any());
}

TEST_F(ContingencyApi, LiftsAllOrTheNamedOnesAndTellsWhich) {
  put(R"({"workflows":["all","legal"],"reason":"r"})");
  auto one = nlohmann::json::parse(lift(R"({"workflows":["legal"]})").body);
  EXPECT_EQ(one["lifted"], nlohmann::json({"legal"}));
  EXPECT_TRUE(view.active("legal")) << "all is still on";
  auto rest = nlohmann::json::parse(lift().body);
  EXPECT_EQ(rest["lifted"], nlohmann::json({"all"}));
  EXPECT_FALSE(view.active("legal"));
  EXPECT_EQ(nlohmann::json::parse(lift().body)["lifted"].size(), 0U);
}

TEST_F(ContingencyApi, ASlipInDeleteDoesNotLiftEverything) {
  put(R"({"workflows":["all"],"reason":"r"})");
  EXPECT_EQ(ask("DELETE", "/api/contingency?workflow=legal").status, 400);
  EXPECT_EQ(lift(R"({"workflow":["legal"]})").status, 400);
  EXPECT_EQ(lift(R"({"workflows":[]})").status, 400);
  EXPECT_TRUE(view.active("default"));
}

// --- events ---------------------------------------------------------------------------------------------------------

nlohmann::ordered_json status(int upstreams, int uptime = 0) {
  return {{"upstreams", upstreams}, {"local", "x\ny"}, {"counters", {{"uptime", uptime}}}};
}

TEST(EventFeed, BeginsWithASnapshotAndGoesOnWithWhatChanged) {
  event_feed feed("run");
  feed.update(status(1));
  auto const l = feed.subscribe("");
  ASSERT_EQ(l->waiting.size(), 1U);
  EXPECT_NE(l->waiting[0].find("event: snapshot\n"), std::string::npos);
  feed.update(status(1, 99));
  EXPECT_EQ(l->waiting.size(), 1U) << "counters are no news";
  feed.update(status(2));
  ASSERT_EQ(l->waiting.size(), 2U);
  EXPECT_EQ(l->waiting[1], "id: run-1\nevent: upstreams\ndata: 2\n\n");
}

TEST(EventFeed, TellsOfReadinessWhenAStateChangesAndOfItsNumbersNowAndThen) {
  event_feed feed("run");
  auto const readiness = [](const char* state, int speed) {
    return nlohmann::ordered_json{
        {"readiness",
         {{"state", state}, {"upstreams", {{{"checks", {{{"state", state}, {"text", std::to_string(speed)}}}}}}}}}};
  };
  time_point now = clock::now();
  feed.update(readiness("ready", 1), now);
  auto const l = feed.subscribe("");
  feed.update(readiness("ready", 2), now + 1s);
  EXPECT_EQ(l->waiting.size(), 1U);
  feed.update(readiness("degraded", 3), now + 2s);
  EXPECT_EQ(l->waiting.size(), 2U) << "a state is news at once";
  feed.update(readiness("degraded", 4), now + 3s);
  EXPECT_EQ(l->waiting.size(), 2U);
  feed.update(readiness("degraded", 4), now + 2s + event_feed::numbers_every);
  ASSERT_EQ(l->waiting.size(), 3U);
  EXPECT_NE(l->waiting[2].find("\"text\":\"4\""), std::string::npos) << l->waiting[2];
}

TEST(EventFeed, GivesThoseWhoComeBackWhatTheyMissed) {
  event_feed feed("run");
  feed.update(status(1));
  for (int i = 2; i <= 5; ++i) feed.update(status(i));
  EXPECT_EQ(feed.subscribe("run-2")->waiting.size(), 2U);
  EXPECT_EQ(feed.subscribe("run-4")->waiting.size(), 0U);
  for (const auto* unknown :
       {"", "run-", "run-x", "run-5", "other-2", "run-2x", "run--1", "run-99999999999999999999"}) {
    auto const l = feed.subscribe(unknown);
    ASSERT_EQ(l->waiting.size(), 1U) << unknown;
    EXPECT_NE(l->waiting[0].find("event: snapshot"), std::string::npos) << unknown;
  }
  for (std::size_t i = 0; i <= event_feed::most_remembered; ++i) feed.update(status(100 + static_cast<int>(i)));
  EXPECT_NE(feed.subscribe("run-2")->waiting[0].find("event: snapshot"), std::string::npos) << "too long ago";
}

TEST(EventFeed, DropsAListenerWhoDoesNotTakeAndBoundsTheirNumber) {
  event_feed feed("run");
  feed.update(status(0));
  auto const slow = feed.subscribe("");
  int woken = 0;
  slow->wake = [&] { ++woken; };
  std::string const large(60'000, 'x');
  for (int i = 0; i < 10; ++i) feed.update({{"upstreams", large + std::to_string(i)}});
  EXPECT_TRUE(slow->dropped);
  EXPECT_LE(slow->waiting_bytes, event_feed::most_waiting_bytes);
  EXPECT_GT(woken, 0);
  std::vector<std::shared_ptr<event_feed::listener>> all{slow};
  while (auto l = feed.subscribe("")) all.push_back(l);
  EXPECT_EQ(all.size(), event_feed::most_listeners);
  all.pop_back();
  EXPECT_TRUE(feed.subscribe(""));
}

// --- status ---------------------------------------------------------------------------------------------------------

struct Status : testing::Test {
  Status() {
    auto made = std::make_shared<config::snapshot>();
    config::upstream cloud;
    cloud.name = "openai";
    cloud.credential = secret("sk-canary");
    cloud.urls.push_back({true, "api.openai.com", 443, {}});
    config::upstream local;
    local.name = "ollama";
    local.tier = tier::local;
    local.urls.push_back({false, "127.0.0.1", 11434, {}});
    made->upstreams = {cloud, local};
    made->workflows["default"].name = "default";
    facts.configuration = made;
    facts.contingency = &contingency;
    auto catalog = std::make_shared<policy::local_catalog>();
    catalog->known = true;
    facts.local = {{1, catalog, {}}};
    facts.readiness.state = policy::ready_state::ready;
  }
  nlohmann::ordered_json document() { return status_document(facts, calendar); }
  policy::contingency contingency;
  status_facts facts;
  wall_clock calendar;
};

TEST_F(Status, IsOkWhileBothTiersWork) {
  auto const d = document();
  EXPECT_EQ(d["health"], "ok");
  EXPECT_EQ(d["upstreams"][0]["up"], true);
  EXPECT_EQ(d["upstreams"][0]["breaker"]["state"], "closed");
  EXPECT_EQ(d.dump().find("canary"), std::string::npos);
}

TEST_F(Status, TellsOfAnOpenBreakerWhyAndUntilWhen) {
  facts.obstacles = {{.upstream = 0,
                      .model = {},
                      .why = reason::connect,
                      .state = policy::circuit_breaker::state::open,
                      .until = clock::now() + 5s,
                      .keys = 0},
                     {.upstream = 0,
                      .model = "gpt-4o",
                      .why = reason::rate_limited,
                      .state = policy::circuit_breaker::state::closed,
                      .until = clock::now() + 30s,
                      .keys = 2}};
  auto const d = document();
  EXPECT_EQ(d["health"], "degraded");
  auto const& u = d["upstreams"][0];
  EXPECT_EQ(u["up"], false);
  EXPECT_EQ(u["breaker"]["state"], "open");
  EXPECT_EQ(u["breaker"]["reason"], "connect");
  EXPECT_EQ(u["breaker"]["until"].get<std::string>().size(), 20U);
  EXPECT_EQ(u["models_refused"][0]["model"], "gpt-4o");
  EXPECT_EQ(u["models_refused"][0]["state"], "resting");
  EXPECT_EQ(u["models_refused"][0]["keys"], 2);
  EXPECT_EQ(document()["upstreams"], d["upstreams"]) << "the same moment is written the same";
}

TEST_F(Status, ContingencyGoesBeforeDegraded) {
  facts.local[0].problem = "refused";
  EXPECT_EQ(document()["health"], "degraded");
  contingency = policy::contingency({.all_by_file = true});
  EXPECT_EQ(document()["health"], "contingency");
  EXPECT_EQ(document()["workflows"][0]["contingency"], true);
}

}  // namespace
}  // namespace tideover::ops

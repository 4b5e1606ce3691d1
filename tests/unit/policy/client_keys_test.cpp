// Which of the house's keys a request presents, and how often one may be used.
#include "tideover/policy/client_keys.hpp"

#include <gtest/gtest.h>

#include "tideover/policy/request_rate.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using fields = std::vector<std::pair<std::string, std::string>>;

config::clients house(bool required) {
  config::clients c;
  c.required = required;
  for (std::string const name : {"crm", "erp"}) {
    config::client_key key;
    key.name = name;
    key.sha256 = sha256("key-of-" + name);
    c.keys.push_back(key);
  }
  return c;
}

struct row {
  const char* what;
  fields sent;
  key_verdict when_required;
  key_verdict when_not;
  const char* who;
};

TEST(ClientKeys, AreFoundWhereverAnSdkPutsThemAndNeverGuessed) {
  using v = key_verdict;
  std::vector<row> const rows{
      {"nothing", {}, v::missing, v::not_asked, ""},
      {"bearer", {{"Authorization", "Bearer key-of-crm"}}, v::known, v::known, "crm"},
      {"bearer in another case", {{"AUTHORIZATION", "bEARER   key-of-erp"}}, v::known, v::known, "erp"},
      {"x-api-key", {{"X-Api-Key", "key-of-erp"}}, v::known, v::known, "erp"},
      {"api-key", {{"api-key", "key-of-crm"}}, v::known, v::known, "crm"},
      {"the same twice",
       {{"Authorization", "Bearer key-of-crm"}, {"x-api-key", "key-of-crm"}},
       v::known,
       v::known,
       "crm"},
      {"a wrong one", {{"Authorization", "Bearer key-of-cr"}}, v::wrong, v::not_asked, ""},
      {"an empty one", {{"Authorization", "Bearer "}}, v::wrong, v::not_asked, ""},
      {"no scheme", {{"Authorization", "key-of-crm"}}, v::wrong, v::not_asked, ""},
      {"another scheme", {{"Authorization", "Basic key-of-crm"}}, v::wrong, v::not_asked, ""},
      {"the hash itself", {{"x-api-key", to_hex(sha256("key-of-crm"))}}, v::wrong, v::not_asked, ""},
      {"two Authorization fields",
       {{"Authorization", "Bearer key-of-crm"}, {"Authorization", "Bearer key-of-crm"}},
       v::wrong,
       v::wrong,
       ""},
      {"two of ours", {{"Authorization", "Bearer key-of-crm"}, {"x-api-key", "key-of-erp"}}, v::wrong, v::wrong, ""},
      {"ours first and a cloud's",
       {{"Authorization", "Bearer key-of-crm"}, {"x-api-key", "sk-1"}},
       v::wrong,
       v::wrong,
       ""},
      {"a cloud's first and ours",
       {{"Authorization", "Bearer sk-1"}, {"x-api-key", "key-of-crm"}},
       v::wrong,
       v::wrong,
       ""},
      {"with a space behind", {{"x-api-key", "key-of-crm "}}, v::wrong, v::not_asked, ""},
  };
  for (bool const required : {true, false}) {
    auto const clients = house(required);
    for (const auto& r : rows) {
      header_fields sent;
      for (const auto& [name, value] : r.sent)
        sent.list.push_back({boost::beast::http::string_to_field({name.data(), name.size()}), name, value});
      auto const found = find_client(sent, clients);
      EXPECT_EQ(found.verdict, required ? r.when_required : r.when_not) << r.what;
      EXPECT_EQ(found.key ? found.key->name : "", r.who) << r.what;
    }
  }
}

TEST(ClientKeys, WithoutAnyConfiguredNothingIsAsked) {
  header_fields sent;
  sent.list.push_back({field_id::authorization, "Authorization", "Bearer sk-1"});
  EXPECT_EQ(find_client(sent, {}).verdict, key_verdict::not_asked);
}

TEST(ClientKeys, MayAskForWhatAGlobOfTheirsTakes) {
  config::client_key key;
  EXPECT_FALSE(held_to_models(key));
  EXPECT_TRUE(may_ask(key, "anything"));
  key.models = {"gpt-4o-mini", "claude-haiku-*"};
  EXPECT_TRUE(held_to_models(key));
  EXPECT_TRUE(may_ask(key, "gpt-4o-mini"));
  EXPECT_TRUE(may_ask(key, "claude-haiku-4-5"));
  for (auto const* other : {"gpt-4o", "gpt-4o-mini-2024", "a-claude-haiku-4", "claude-haiku", ""})
    EXPECT_FALSE(may_ask(key, other)) << other;
  key.models->push_back("*");
  EXPECT_FALSE(held_to_models(key));
  EXPECT_TRUE(may_ask(key, "gpt-4o"));
  key.models->clear();
  EXPECT_TRUE(held_to_models(key));
  EXPECT_FALSE(may_ask(key, "gpt-4o"));
}

TEST(RequestRate, LetsSoManyThroughInAnyMinuteAndNotOneMore) {
  request_rate rate;
  time_point now{1h};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rate.take(3, now + i * 10s));
  auto const wait = rate.take(3, now + 30s);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 30s);
  EXPECT_TRUE(rate.take(3, now + 59s));
  EXPECT_FALSE(rate.take(3, now + 60s));
  EXPECT_TRUE(rate.take(3, now + 61s)) << "the second of the first three is still within the minute";
  EXPECT_FALSE(rate.take(3, now + 70s));
}

TEST(RequestRate, NeverAdmitsMoreThanTheLimitInAMinuteWhateverThePace) {
  request_rate rate;
  std::vector<time_point> admitted;
  std::uint32_t seed = 1;
  time_point now{1h};
  for (int i = 0; i < 5000; ++i) {
    seed = seed * 1664525u + 1013904223u;
    now += std::chrono::milliseconds(seed % 900);
    auto const wait = rate.take(7, now);
    if (!wait)
      admitted.push_back(now);
    else
      EXPECT_GT(*wait, duration::zero());
  }
  for (std::size_t i = 7; i < admitted.size(); ++i) EXPECT_GE(admitted[i] - admitted[i - 7], 59s);
  EXPECT_GT(admitted.size(), 200U);
}

}  // namespace
}  // namespace tideover::policy

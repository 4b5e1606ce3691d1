#include <gtest/gtest.h>

#include "tideover/app/operator_commands.hpp"

namespace tideover::app {
namespace {

using nlohmann::json;

TEST(ReloadText, ListsWhatChanged) {
  auto const told = json::parse(R"({"ok":true,"source":"/etc/tideover/tideover.yaml","changed":[
      {"key":"workflows.legal.policy","change":"changed","from":"cloud_first","to":"local_only"},
      {"key":"upstreams.openai.credential","change":"changed"},
      {"key":"workflows.sales","change":"added"},
      {"key":"hosts[0]","change":"added","to":"ai.example.com"},
      {"key":"limits.connections","change":"removed","from":500}],"restart_needed":["workers","listen"]})");
  EXPECT_EQ(reload_text(told),
            "reloaded /etc/tideover/tideover.yaml: 5 changes\n"
            "  workflows.legal.policy: cloud_first -> local_only\n"
            "  upstreams.openai.credential changed\n"
            "  workflows.sales added\n"
            "  hosts[0] added: ai.example.com\n"
            "  limits.connections removed (was 500)\n"
            "In force only after a restart (systemctl restart tideover): workers, listen\n");
}

TEST(ReloadText, SaysWhenNothingChanged) {
  EXPECT_EQ(reload_text(json::parse(R"({"ok":true,"source":"","changed":[],"restart_needed":[]})")),
            "reloaded the built-in defaults: nothing changed\n");
  EXPECT_EQ(reload_text(json::parse(R"({"ok":true,"source":"/f"})")), "reloaded /f: nothing changed\n");
}

TEST(ReloadText, LetsNothingReachTheTerminalThatCouldSteerIt) {
  auto const text = reload_text(json::parse(
      R"({"source":"/f\u001b[2J","changed":[{"key":"a\u0007","change":"changed","from":"\u001b]0;x","to":"\n"}]})"));
  for (char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

}  // namespace
}  // namespace tideover::app

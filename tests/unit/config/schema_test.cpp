#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tideover/config/load.hpp"
#include "tideover/config/table.hpp"

namespace tideover::config {
namespace {

using nlohmann::json;

// `upstreams.*.timeouts.connect` -> /properties/upstreams/additionalProperties/properties/timeouts/properties/connect
std::string pointer_of(std::string_view path) {
  std::string pointer;
  while (!path.empty()) {
    const auto dot = path.find('.');
    std::string_view part = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    const bool element = part.ends_with("[]");
    if (element) part.remove_suffix(2);
    pointer += part == "*" ? "/additionalProperties" : "/properties/" + std::string(part);
    if (element) pointer += "/items";
  }
  return pointer;
}

TEST(Schema, IsJsonAndHoldsEveryKeyOfTheTable) {
  const auto schema = json::parse(json_schema(), nullptr, false);
  ASSERT_FALSE(schema.is_discarded());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  for (const auto& row : key_table()) {
    const json::json_pointer where(pointer_of(row.path));
    ASSERT_TRUE(schema.contains(where)) << row.path;
    const auto& entry = schema[where];
    EXPECT_TRUE(entry["description"].get<std::string>().starts_with(row.description)) << row.path;
    EXPECT_EQ(entry.contains("not"), !row.supported) << row.path << ": an editor must refuse what the loader refuses";
    EXPECT_EQ(entry.contains("default"), !row.default_text.empty()) << row.path;
    EXPECT_FALSE(entry.contains("default") && entry["default"].is_discarded()) << row.path;
  }
}

TEST(Schema, KnowsNoKeyThatTheTableDoesNot) {
  std::size_t count = 0;
  const auto visit = [&](const auto& self, const json& node) -> void {
    if (node.contains("properties")) {
      EXPECT_EQ(node["additionalProperties"], false);
      for (const auto& [name, below] : node["properties"].items()) {
        ++count;
        self(self, below);
      }
    } else if (node.contains("additionalProperties")) {
      ++count;
      self(self, node["additionalProperties"]);
    }
    if (node.contains("items")) {
      ++count;
      self(self, node["items"]);
    }
  };
  visit(visit, json::parse(json_schema()));
  EXPECT_EQ(count, key_table().size());
}

TEST(Schema, SecretsAreReferences) {
  const auto schema = json::parse(json_schema());
  EXPECT_EQ(schema[json::json_pointer(pointer_of("upstreams.*.credential"))]["$ref"], "#/$defs/secret");
  EXPECT_EQ(schema["$defs"]["secret"]["oneOf"].size(), 3u);
}

TEST(Schema, RequiredKeysAreThoseOfTheTable) {
  const auto schema = json::parse(json_schema());
  EXPECT_EQ(schema[json::json_pointer(pointer_of("upstreams.*"))]["required"], json::array({"tier"}));
  EXPECT_EQ(schema[json::json_pointer(pointer_of("models[]"))]["required"], json::array({"cloud", "local"}));
  EXPECT_FALSE(schema.contains("required"));
}

}  // namespace
}  // namespace tideover::config

#include "tideover/config/yaml_document.hpp"

#include <gtest/gtest.h>

namespace tideover::config {
namespace {

TEST(YamlDocument, KeepsPlacesOrderAndDuplicates) {
  const auto d = read_yaml("a: 1\nb:\n  c: 'x'\n  c: [y, z]\n");
  ASSERT_TRUE(d.root) << d.error;
  ASSERT_EQ(d.root->entries.size(), 2u);
  EXPECT_EQ(d.root->entries[0].key, "a");
  EXPECT_EQ(d.root->entries[0].value->text, "1");
  EXPECT_FALSE(d.root->entries[0].value->quoted);
  const auto& b = d.root->entries[1];
  EXPECT_EQ(b.at.line, 2);
  EXPECT_EQ(b.at.column, 1);
  ASSERT_EQ(b.value->entries.size(), 2u);
  EXPECT_TRUE(b.value->entries[0].value->quoted);
  EXPECT_EQ(b.value->entries[0].value->at.line, 3);
  EXPECT_EQ(b.value->entries[0].value->at.column, 6);
  EXPECT_EQ(b.value->entries[1].key, "c");
  EXPECT_EQ(b.value->entries[1].at.line, 4);
  ASSERT_EQ(b.value->entries[1].value->items.size(), 2u);
  EXPECT_EQ(b.value->entries[1].value->items[1]->at.column, 10);
}

TEST(YamlDocument, TheEmptyTextIsNoError) {
  for (const auto text : {"", "\n\n", "# only a comment\n", "---\n"}) {
    const auto d = read_yaml(text);
    EXPECT_TRUE(d.error.empty()) << text << ": " << d.error;
    EXPECT_TRUE(!d.root || d.root->what == yaml_node::kind::null) << text;
  }
}

TEST(YamlDocument, AnEmptyValueStandsAtItsKey) {
  const auto d = read_yaml("a:\n  b:\nc: 1\n");
  ASSERT_TRUE(d.root) << d.error;
  const auto& b = d.root->entries[0].value->entries[0];
  EXPECT_EQ(b.value->what, yaml_node::kind::null);
  EXPECT_EQ(b.value->at.line, 2);
  EXPECT_EQ(b.value->at.column, 3);
}

TEST(YamlDocument, AliasesAreWrittenOut) {
  const auto d = read_yaml("a: &x {k: v}\nb: *x\nc: *x\n");
  ASSERT_TRUE(d.root) << d.error;
  EXPECT_EQ(d.root->entries[2].value->entries[0].value->text, "v");
  EXPECT_EQ(d.root->entries[2].value->at.line, 3);
  EXPECT_EQ(d.root->entries[0].value->weight, 3u);
  EXPECT_EQ(d.root->weight, 13u);
}

TEST(YamlDocument, BadTextIsAnErrorWithAPlace) {
  struct row {
    std::string_view text;
    int line;
    std::string_view fragment;
  };
  const std::string bomb = [] {
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
      const auto before = "*a" + std::to_string(i - 1);
      text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
      for (int k = 0; k < 10; ++k) text += (k ? ", " : "") + before + " ";
      text += "]\n";
    }
    return text;
  }();
  for (const auto& [text, line, fragment] : std::initializer_list<row>{
           {"a: [1, 2\n", 2, "not valid YAML"},
           {"a: 1\n  b: 2\n", 2, "not valid YAML"},
           {"a: {b\n", 2, "not valid YAML"},
           {"a: *nothing\n", 1, "not valid YAML"},
           {"\ta: 1\n", 1, "use spaces"},
           {"a:\n  b: 1\n \tc: 2\n", 3, "use spaces"},
           {"\ta: [1, 2\n\n\nb: [\n", 1, "use spaces"},
           {"a: \"\n\t\"\nb: 1\n  c: 2\n", 4, "not valid YAML"},
           {"a: 1\n---\nb: 2\n", 2, "second document"},
           {"a: &x [*x]\n", 1, "contains it"},
           {std::string_view("a: 1\n\0b: 2\n", 11), 2, "NUL"},
           {bomb, 5, "too large"},
       }) {
    const auto d = read_yaml(text);
    EXPECT_FALSE(d.root) << text.substr(0, 40);
    EXPECT_NE(d.error.find(fragment), std::string::npos) << text.substr(0, 40) << ": " << d.error;
    EXPECT_EQ(d.at.line, line) << text.substr(0, 40) << ": " << d.error;
  }
}

TEST(YamlDocument, DepthAndSizeAreBounded) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(read_yaml(nested(24)).error.empty());
  EXPECT_FALSE(read_yaml(nested(25)).error.empty());
  EXPECT_FALSE(read_yaml(nested(100'000)).error.empty());
  yaml_limits limits;
  limits.bytes = 4;
  EXPECT_TRUE(read_yaml("a: 1", limits).error.empty());
  EXPECT_FALSE(read_yaml("a: 12", limits).error.empty());
  limits = {};
  limits.nodes = 3;
  EXPECT_TRUE(read_yaml("a: 1", limits).error.empty());
  EXPECT_FALSE(read_yaml("a: 1\nb: 1", limits).error.empty());
}

}  // namespace
}  // namespace tideover::config

// A YAML text as a tree in which every key and value knows its line and column, duplicates included.
// Not for meaning: which keys exist and what they hold is the table's and the loader's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tideover::config {

struct place {
  int line = 0;  // 1-based, 0: no place
  int column = 0;
};

struct yaml_node;
using yaml_node_ptr = std::shared_ptr<const yaml_node>;  // shared by aliases: an alias costs no memory

struct yaml_entry {
  std::string key;
  bool key_is_text = true;  // false: the key is a list, a map or missing
  place at;
  yaml_node_ptr value;
};

struct yaml_node {
  enum class kind { null, scalar, list, map };
  kind what = kind::null;
  place at;
  std::string text;                  // of a scalar
  bool quoted = false;               // in quotes or a block: a string whatever it looks like
  bool tagged = false;               // carries a tag other than !!str
  std::vector<yaml_node_ptr> items;  // of a list
  std::vector<yaml_entry> entries;   // of a map, in order, duplicates kept
  std::size_t weight = 1;            // nodes below and including this one, aliases counted as if written out
};

/// What one file may hold. An honest configuration stays far below; a bomb of aliases does not.
struct yaml_limits {
  std::size_t bytes = 256u << 10;
  std::size_t nodes = 20'000;
  std::size_t depth = 24;
};

struct yaml_document {
  yaml_node_ptr root;  // null when there is an error or nothing in the text
  std::string error;   // empty: fine
  place at;            // of the error
};

/// Never throws on bad text.
yaml_document read_yaml(std::string_view text, const yaml_limits& limits = {});

}  // namespace tideover::config

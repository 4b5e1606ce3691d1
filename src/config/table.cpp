#include "tideover/config/table.hpp"

#include <deque>

#include "table_rows.hpp"

namespace tideover::config {
namespace {

struct built_tree {
  std::deque<key_node> nodes;  // stable addresses
  key_node root;

  built_tree() {
    std::map<std::string_view, key_node*> by_path;
    for (const auto& row : key_table()) {
      key_node& node = nodes.emplace_back();
      node.row = &row;
      by_path[row.path] = &node;
      if (row.path.ends_with("[]")) {
        by_path.at(row.path.substr(0, row.path.size() - 2))->element = &node;
        continue;
      }
      const auto dot = row.path.rfind('.');
      const auto name = dot == std::string_view::npos ? row.path : row.path.substr(dot + 1);
      key_node& parent = dot == std::string_view::npos ? root : *by_path.at(row.path.substr(0, dot));
      if (name == "*") {
        parent.any_key = &node;
      } else {
        parent.keys.emplace_back(name, &node);
      }
    }
  }
};

}  // namespace

const std::vector<key_row>& key_table() {
  static const std::vector<key_row> rows = [] {
    std::vector<key_row> all;
    for (auto& part : {rows::doors(), rows::upstreams(), rows::routing(), rows::the_rest()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

const key_node& key_tree() {
  static const built_tree tree;
  return tree.root;
}

const key_node* key_node::find(std::string_view key) const {
  for (const auto& [name, node] : keys)
    if (name == key) return node;
  return nullptr;
}

std::string_view what_is_wanted(value_kind kind) {
  switch (kind) {
    case value_kind::map: return "keys and values";
    case value_kind::map_of: return "names with keys and values below each";
    case value_kind::list: return "a list, such as [a, b]";
    case value_kind::text:
    case value_kind::prose: return "a text";
    case value_kind::path: return "the path of a file";
    case value_kind::socket_path: return "the path of a unix socket";
    case value_kind::boolean: return "true or false";
    case value_kind::integer: return "a whole number";
    case value_kind::auto_or_integer: return "auto or a whole number";
    case value_kind::number: return "a number";
    case value_kind::span: return "a duration such as 500ms, 3s, 5m or 2h";
    case value_kind::size: return "a size such as 64KiB or 32MiB";
    case value_kind::choice: return "one word";
    case value_kind::web_address: return "a URL such as https://api.openai.com";
    case value_kind::address: return "an address such as 127.0.0.1:6837";
    case value_kind::secret_ref: return "a reference: {env: NAME}, {file: PATH} or {credential: NAME}";
    case value_kind::host: return "a host name";
    case value_kind::origin: return "an origin such as https://chat.example.com";
    case value_kind::mixed: return "a value";
  }
  return "a value";
}

}  // namespace tideover::config

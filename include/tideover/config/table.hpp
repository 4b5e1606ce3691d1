// The one table of the configuration file: every key with its type, bounds, default, description and destination.
// The loader walks a file with it and the JSON Schema is printed from it. Not for rules between keys: config/check.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/config/values.hpp"

namespace tideover::config {

enum class value_kind : std::uint8_t {
  map,              // fixed keys
  map_of,           // keys chosen by the operator: row `x.*` describes the values
  list,             // row `x[]` describes the elements
  text,             // a short string without white space
  prose,            // a text for people or models, line breaks included
  path,             // of a file; relative ones are meant from the directory of the configuration file
  socket_path,      // of a unix socket, which need not exist yet; relative ones as above
  boolean,          // true, false
  integer,          // whole number
  auto_or_integer,  // the word auto, or a whole number
  number,           // with a fraction
  span,             // duration with a unit
  size,             // bytes with a unit
  choice,           // one of `choices`
  web_address,      // http:// or https:// URL
  address,          // HOST:PORT
  secret_ref,       // {env: NAME}, {file: PATH} or {credential: NAME}
  host,             // a host name or IP address without port
  origin,           // SCHEME://HOST[:PORT] of web pages
  mixed,            // several shapes; only for keys that are not supported yet
};

/// What the loader hands to a row's `store`: the value, or for maps and lists nothing, for elements of a `map_of`
/// their key.
using value = std::variant<std::monostate, std::string, bool, std::int64_t, double, duration, url, address, secret>;

/// The snapshot under construction and the element that is being filled. Pointers last until the next element opens.
struct building {
  snapshot made;
  listener* current_listener = nullptr;
  upstream* current_upstream = nullptr;
  model_rule* current_rule = nullptr;
  workflow* current_workflow = nullptr;
  client_key* current_key = nullptr;
};

struct key_row {
  std::string_view path = {};  // `upstreams.*.timeouts.connect`, `listen[].address`
  value_kind kind = value_kind::text;
  std::string_view default_text = {};  // as it would be written; empty: none
  std::string_view description = {};
  void (*store)(building&, const value&) = nullptr;  // null: nothing to keep (a mere container)
  bool supported = true;
  bool required = false;
  std::string_view choices = {};  // `cloud|local`
  std::int64_t least = 0;         // of integers as such, of spans in ms, of sizes in bytes
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::string_view example = {};  // a value that fits, as it would be written; empty: the default or the first choice
};

/// A row and the rows below it.
struct key_node {
  const key_row* row = nullptr;                                    // null only at the root
  std::vector<std::pair<std::string_view, const key_node*>> keys;  // in the table's order
  const key_node* any_key = nullptr;                               // `.*`
  const key_node* element = nullptr;                               // `[]`

  const key_node* find(std::string_view key) const;
};

const std::vector<key_row>& key_table();
const key_node& key_tree();

/// The value kinds as an operator would call them: "a duration such as 500ms, 3s, 5m or 2h".
std::string_view what_is_wanted(value_kind kind);

}  // namespace tideover::config

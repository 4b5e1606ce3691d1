#include "tideover/config/yaml_document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>

namespace tideover::config {
namespace {

place to_place(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

struct refusal {
  place at;
  std::string why;
};

// yaml-cpp's own Node drops duplicate keys silently and forgets where keys stand, so the tree is built from events.
class tree_builder : public YAML::EventHandler {
 public:
  explicit tree_builder(const yaml_limits& limits) : limits_(limits) {}

  yaml_node_ptr take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    finish(fresh(yaml_node::kind::null, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw refusal{to_place(mark), "an alias refers to something that contains it"};
    auto copy = std::make_shared<yaml_node>(*found->second);  // shallow: children stay shared
    copy->at = to_place(mark);
    place_value(std::move(copy));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = fresh(yaml_node::kind::scalar, mark);
    node->text = value;
    // yaml-cpp reports "?" for plain scalars and "!" for quoted and block scalars.
    node->quoted = tag == "!" || tag == string_tag;
    node->tagged = tag != "?" && tag != "!" && !tag.empty() && tag != string_tag;
    finish(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(yaml_node::kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(yaml_node::kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  static constexpr const char* string_tag = "tag:yaml.org,2002:str";

  struct level {
    std::shared_ptr<yaml_node> node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool key_pending = false;  // in a map: the key is there, its value is not
  };

  static std::shared_ptr<yaml_node> fresh(yaml_node::kind what, const YAML::Mark& mark) {
    auto node = std::make_shared<yaml_node>();
    node->what = what;
    node->at = to_place(mark);
    return node;
  }

  void open(yaml_node::kind what, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (stack_.size() >= limits_.depth) throw refusal{to_place(mark), "is nested too deeply: no key lies that deep"};
    auto node = fresh(what, mark);
    node->tagged = tag != "?" && tag != "!" && !tag.empty();
    stack_.push_back({std::move(node), anchor, false});
  }

  void close() {
    level done = std::move(stack_.back());
    stack_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  void finish(std::shared_ptr<yaml_node> node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    place_value(std::move(node));
  }

  void place_value(std::shared_ptr<yaml_node> node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    level& top = stack_.back();
    top.node->weight += node->weight;
    if (top.node->weight > limits_.nodes)
      throw refusal{node->at, "the file is too large: more than " + std::to_string(limits_.nodes) +
                                  " values once its aliases are written out"};
    if (top.node->what == yaml_node::kind::list) {
      top.node->items.push_back(std::move(node));
    } else if (!top.key_pending) {
      const bool text = node->what == yaml_node::kind::scalar && !node->tagged;
      top.node->entries.push_back({node->text, text, node->at, nullptr});
      top.key_pending = true;
    } else {
      // An empty value has no mark of its own; its key's place is the better one anyway.
      if (node->what == yaml_node::kind::null || node->at.line == 0) node->at = top.node->entries.back().at;
      top.node->entries.back().value = std::move(node);
      top.key_pending = false;
    }
  }

  yaml_limits limits_;
  std::vector<level> stack_;
  std::unordered_map<YAML::anchor_t, std::shared_ptr<yaml_node>> anchors_;
  yaml_node_ptr root_;
};

// Only there to see whether anything follows the first document.
class nothing_more : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { throw refusal{to_place(mark), text}; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  static constexpr const char* text = "a second document begins here: the configuration is one document; remove `---`";
};

/// `line`, or the one before it, if a tab is part of its indentation; else 0. The parser only says what it could not
/// make of such a line.
int line_indented_by_tabs(std::string_view text, int line) {
  int found = 0;
  for (int at = 1; at <= line; ++at) {
    const auto indentation = text.substr(0, text.find_first_not_of(" \t"));
    if (at + 1 >= line && indentation.find('\t') != std::string_view::npos && text.size() > indentation.size() &&
        text[indentation.size()] != '\n')
      found = at;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return found;
}

}  // namespace

yaml_document read_yaml(std::string_view text, const yaml_limits& limits) {
  yaml_document result;
  if (text.size() > limits.bytes) {
    result.error = "the file is larger than " + std::to_string(limits.bytes >> 10) + " KiB: is it a configuration?";
    return result;
  }
  // yaml-cpp would take a NUL for the end of the text and ignore what follows.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
    result.error = "the file holds a NUL byte: save it as UTF-8 text";
    result.at.line = 1;
    for (char c : text.substr(0, zero)) result.at.line += c == '\n';
    const auto start = text.substr(0, zero).rfind('\n');
    result.at.column = static_cast<int>(zero - (start == std::string_view::npos ? 0 : start + 1)) + 1;
    return result;
  }
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    tree_builder builder(limits);
    if (parser.HandleNextDocument(builder)) {
      result.root = builder.take_root();
      nothing_more second;
      parser.HandleNextDocument(second);
    }
    return result;
  } catch (const refusal& r) {
    result.error = r.why;
    result.at = r.at;
  } catch (const YAML::Exception& e) {
    result.at = to_place(e.mark);
    if (const int line = line_indented_by_tabs(text, result.at.line); line != 0) {
      result.error = "is indented with a tab, which YAML does not allow: use spaces";
      result.at = {line, 1};
    } else {
      result.error = "is not valid YAML: " + e.msg;
    }
  } catch (const std::exception& e) {  // the library's std exceptions, out of memory included
    result.error = std::string("cannot be read as YAML: ") + e.what();
  }
  result.root = nullptr;
  return result;
}

}  // namespace tideover::config

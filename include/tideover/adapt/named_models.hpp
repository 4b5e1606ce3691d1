// Which models a body may name, in the eyes of whoever reads it, for rules that must not be talked around.
// Not which model is meant: that is adapt/request_scan's, for one reader.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace tideover::adapt {

struct models_named {
  std::vector<std::string> models{};  // decoded, in the order of the body
  bool all = false;                   // the body is an object that was read to its end
};

/// The strings that are members `keys` of the body's object, in any letter case and however often: some readers match
/// names without regard to case, and of several some take the first and some the last. Lists of strings count as well.
models_named models_in(std::string_view body, std::initializer_list<std::string_view> keys);

/// In the clouds' words: `model`, and `models`, which some gateways try in turn.
models_named named_models(std::string_view body);

}  // namespace tideover::adapt

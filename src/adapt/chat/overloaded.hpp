// One function object out of several, for std::visit.
// Internal to adapt/chat, and nothing else.
#pragma once

namespace tideover::adapt::chat {

template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
overloaded(Functions...) -> overloaded<Functions...>;

}  // namespace tideover::adapt::chat

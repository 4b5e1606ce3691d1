#pragma once
namespace tideover::test {
inline bool has_own_network() { return false; }
}  // namespace tideover::test

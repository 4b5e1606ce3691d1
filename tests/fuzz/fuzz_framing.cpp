// Any bytes as a request, as a response and as a chunked body: whatever is accepted leaves unambiguous.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "fuzz/head_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::string scratch;
  tideover::properties::check_all({reinterpret_cast<const char*>(data), size}, scratch);
  return 0;
}

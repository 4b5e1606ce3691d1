#include "standard_output.hpp"

#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace tideover::app {

standard_output::int_type standard_output::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  kept_ += traits_type::to_char_type(c);
  return c;
}

std::streamsize standard_output::xsputn(const char* text, std::streamsize size) {
  kept_.append(text, static_cast<std::size_t>(size));
  return size;
}

int standard_output::sync() {
  for (std::string_view left = kept_; !left.empty() && problem_ == 0;) {
    auto const n = ::write(descriptor_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) problem_ = errno;
    if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
  }
  kept_.clear();
  return problem_ == 0 ? 0 : -1;
}

}  // namespace tideover::app

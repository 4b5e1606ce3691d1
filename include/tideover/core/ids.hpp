// Request ids: short, unique within an installation, sortable by time of creation.
#pragma once

#include <cstdint>
#include <string>

namespace tideover {

/// Makes ids like `req_01kb3m5z70f8q6m4zv`: milliseconds since 1970 (45 bits) and 45 random bits in Crockford's
/// base 32. One generator per worker; not thread-safe.
class id_generator {
 public:
  explicit id_generator(std::uint64_t seed);
  std::string next(std::uint64_t unix_milliseconds);

 private:
  std::uint64_t state_;
};

}  // namespace tideover

// Permission to open or use a connection to a cloud. It cannot be made but by policy/reach, so whoever reads that file
// has read every way in which anything may leave the house.
// Not a decision: it is what a decision leaves behind.
#pragma once

namespace tideover {

namespace policy {
struct reach;
}

class cloud_pass {
 private:
  cloud_pass() = default;
  friend struct policy::reach;
};

}  // namespace tideover

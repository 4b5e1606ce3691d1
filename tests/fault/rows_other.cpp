// X: several things at once, and faults of no other section.
#include "fault/stage.hpp"

namespace tideover::test {

void add_other_rows(table& all) { (void)all; }

}  // namespace tideover::test

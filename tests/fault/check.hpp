// Says whether what was seen after a fault is right: for the caller, for the breaker, in the log and in the metrics.
// Not the rows: what is right for each stands in its expectation.
#pragma once

#include "fault/row.hpp"
#include "fault/stage.hpp"

namespace tideover::test {

/// Everything that holds for this row and for every row. Ends the daemon, because a log is whole only then.
void check(stage& s, const observed& seen);

/// The sums that hold in every daemon at any time, long runs included: one line, one outcome and one count for each of
/// `requests`. Ends the daemon.
void check_sums(daemon_process& daemon, std::size_t requests);

}  // namespace tideover::test

// A life for a daemon in which every secret gets its chance to leak: successes, failovers, errors, administration.
#pragma once

#include <vector>

#include "integration/canary_scan.hpp"

namespace tideover::test {

world_options marked_options();
void give_words(world& w);
/// Of all secrets and private words that are the same in every life; keys are each life's own.
std::vector<mark> marks_of_everybody();

/// Every dialect, whole and streamed, while the cloud behaves in every way that writes something somewhere.
void live(scan& s, world& w, const field_list& keys);
/// The admin API, and every command that tells of the daemon.
void administrate(scan& s, const field_list& keys);

}  // namespace tideover::test

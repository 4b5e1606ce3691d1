// What the kernel knows of this process, for the process_* metrics.
// Not for other processes.
#pragma once

namespace tideover::ops {

struct process_facts {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_descriptors = 0;
  double most_descriptors = 0;
  double start_unix = 0;
};

/// Values that cannot be read stay 0.
process_facts read_process_facts();

}  // namespace tideover::ops

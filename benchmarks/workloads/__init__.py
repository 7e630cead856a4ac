"""The workloads, each in a file of its own."""

from benchmarks.workloads.w1_ready_ndjson import W1
from benchmarks.workloads.w2_ready_events import W2
from benchmarks.workloads.w3_pausing_ndjson import W3
from benchmarks.workloads.w3q_queued_ndjson import W3Q
from benchmarks.workloads.w4_idle_events import W4
from benchmarks.workloads.w5a_events_one_by_one import W5A
from benchmarks.workloads.w5b_events_in_bursts import W5B
from benchmarks.workloads.w6_requests import W6
from benchmarks.workloads.w7_health_beside_endless import W7, W7C
from benchmarks.workloads.w8_client_never_reads import W8
from benchmarks.workloads.w9_latency import W9
from benchmarks.workloads.w10_in_process import W10
from benchmarks.workloads.w11_channel_on_redis import W11
from benchmarks.workloads.w12_cold_start import W12
from benchmarks.workloads.w14_short_streams import W14
from benchmarks.workloads.w15_gateway import W15
from benchmarks.workloads.w16_many_channels import W16
from benchmarks.workloads.w17_many_runs import W17
from benchmarks.workloads.w19_routing import W19

WORKLOADS = {
    workload.name.lower(): workload
    for workload in (W1, W2, W3, W3Q, W4, W5A, W5B, W6, W7, W7C, W8, W9, W10, W11, W12, W14, W15, W16, W17, W19)
}

"""The Grafana dashboard as code: `python deploy/grafana/dashboard.py` writes `dashboards/livepool.json`.

Plain JSON of schema 36 (Grafana 9 and later); a library would be larger than what it saves here.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parent / "dashboards" / "livepool.json"
WIDTH, HEIGHT = 24, 8
JOB = '{job="$job"}'
RATE = "[$__rate_interval]"


class Panel(NamedTuple):
    """A panel: its queries by legend; `kind` timeseries or stat; `unit` is Grafana's."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8


def accepted(type_: str) -> str:
    """Accepted events of a type, a minute."""
    labels = f'{{job="$job", type="{type_}", outcome="accepted"}}'
    return f"60 * sum(rate(livepool_events_total{labels}{RATE}))"


def rate(metric: str, by: str = "", scale: str = "") -> str:
    """How many a second."""
    group = f" by ({by}) " if by else ""
    return f"{scale}sum{group}(rate({metric}{JOB}{RATE}))"


def hour(metric: str) -> str:
    """Yuan in the last hour."""
    return f"sum(increase({metric}{JOB}[1h])) / 100"


def net(metric: str, reversed_: str, by: str, scale: str = "60 * ") -> str:
    """What is credited a minute without what is taken back."""
    sides = [f"sum by ({by}) (rate({name}{JOB}{RATE}))" for name in (metric, reversed_)]
    return f"{scale}({sides[0]} - ({sides[1]} or 0 * {sides[0]}))"


def quantiles(metric: str, by: str = "") -> dict[str, str]:
    """The median and the slowest hundredth of a histogram."""
    group, legend = (f"{by}, le", f" {{{{{by}}}}}") if by else ("le", "")
    buckets = f"sum by ({group}) (rate({metric}_bucket{JOB}{RATE}))"
    return {f"p{q}{legend}": f"histogram_quantile(0.{q}, {buckets})" for q in (50, 99)}


YUAN = "currencyJPY"  # ¥, also of the yuan
PAID, PAID_BACK = "livepool_paid_fen_total", "livepool_paid_reversed_fen_total"
STORE_PAID, STORE_PAID_BACK = "livepool_store_paid_fen_total", "livepool_store_paid_reversed_fen_total"
ROWS: dict[str, tuple[Panel, ...]] = {
    "Show · 直播": (
        Panel("Live sessions · 直播场次", {"sessions": f"sum(livepool_live_sessions{JOB})"}, kind="stat", width=4),
        Panel("Online · 在线人数", {"viewers": f"sum(livepool_live_viewers{JOB})"}, kind="stat", width=4),
        Panel(
            "Paid in the last hour · 近一小时成交额",
            {"paid": f"{hour(PAID)} - ({hour(PAID_BACK)} or vector(0))"},
            YUAN, "stat", 6,
        ),
        Panel(
            "Refunded in the last hour · 近一小时退款",
            {"refunded": hour("livepool_refunded_fen_total")}, YUAN, "stat", 5,
        ),
        Panel(
            "Unattributed, 30 min · 未归属占比",
            {"{{dimension}}": f"job_dimension:livepool_unattributed_fen:ratio_rate30m{JOB}"}, "percentunit", "stat", 5,
        ),
        Panel("Paid a minute by mode · 每分钟成交额（模式）",
              {"{{mode}}": net(PAID, PAID_BACK, "mode", "0.6 * ")}, YUAN),
        Panel("Sales a minute by rule · 每分钟成交（规则）",
              {"{{rule}}": net("livepool_sales_total", "livepool_sales_reversed_total", "rule")}),
        Panel("Sales a minute by tier · 每分钟成交（可信度）",
              {"{{tier}}": net("livepool_sales_total", "livepool_sales_reversed_total", "tier")}),
        Panel("Paid a minute by store rule · 门店规则",
              {"{{rule}}": net(STORE_PAID, STORE_PAID_BACK, "rule", "0.6 * ")},
              YUAN),
        Panel("Funnel a minute · 转化（每分钟）", {
            "entries · 进入": accepted("live.viewer.entered"),
            "clicks · 点击": accepted("live.product.clicked"),
            "orders · 下单": accepted("order.placed"),
            "paid · 支付": accepted("order.paid"),
        }),
        Panel("Private pool a minute · 私域（每分钟）", {
            "scans · 扫码": accepted("scan.code.scanned"),
            "{{type}}": rate("livepool_pool_events_total", "type", "60 * "),
        }),
    ),
    "Pipeline · 处理": (
        Panel("Events by outcome · 事件", {"{{outcome}}": rate("livepool_events_total", "outcome")}, "cps"),
        Panel("Records waiting · 积压", {"{{topic}}": f"sum by (topic) (livepool_lag_records{JOB})"}),
        Panel("Age of events · 事件延迟", quantiles("livepool_event_lag_seconds"), "s"),
        Panel("Age of feedback · 私域推送延迟", quantiles("livepool_pool_feedback_age_seconds"), "s"),
        Panel("Duration of batches · 批次耗时", quantiles("livepool_batch_duration_seconds", "agent"), "s"),
        Panel("Records of a batch · 批次大小", {
            "{{agent}}": f"sum by (agent) (rate(livepool_batch_records_sum{JOB}{RATE}))"
                         f" / sum by (agent) (rate(livepool_batch_records_count{JOB}{RATE}))",
        }),
        Panel("Dead letters · 死信", {
            "{{topic}} {{reason}}": f"sum by (topic, reason) (increase(livepool_dead_letters_total{JOB}{RATE})) > 0",
        }),
        Panel("Repeated, late, ahead · 重复、迟到、超前", {
            "{{kind}}": rate("livepool_duplicates_total", "kind"),
            "late evidence": rate("livepool_late_evidence_total"),
            "future": rate("livepool_future_events_total"),
        }, "cps"),
        Panel("Written · 输出", {
            "sales": rate("livepool_sale_revisions_total"),
            "{{record}}": rate("livepool_pool_feedback_total", "record"),
            "snapshots": rate("livepool_room_snapshots_total"),
            "refunds": rate("livepool_refunds_total"),
        }, "cps"),
    ),
    "Workers · 进程": (
        Panel("Since the last commit · 距上次提交",
              {"{{instance}}": f"time() - livepool_last_progress_timestamp_seconds{JOB}"}, "s"),
        Panel("Duration of commits · 提交耗时", quantiles("livepool_commit_duration_seconds"), "s"),
        Panel("Commits · 提交", {
            "commits": rate("livepool_commits_total"),
            "failed": rate("livepool_commit_failures_total"),
        }, "cps"),
        Panel("Partitions · 分区", {"{{instance}}": f"livepool_assigned_partitions{JOB}"}),
        Panel("Recovery · 状态恢复", {
            "{{instance}} in progress": f"livepool_recovery_in_progress{JOB}",
            "{{instance}} offsets left": f"livepool_recovery_left_offsets{JOB}",
        }),
        Panel("Rebalances and recoveries, 15 min · 重平衡", {
            "rebalances": f"sum(increase(livepool_rebalances_total{JOB}[15m]))",
            "recoveries": f"sum(increase(livepool_recovery_seconds_count{JOB}[15m]))",
        }),
        Panel("CPU", {"{{instance}}": f"rate(process_cpu_seconds_total{JOB}{RATE})"}, "percentunit"),
        Panel("Memory · 内存", {"{{instance}}": f"process_resident_memory_bytes{JOB}"}, "bytes"),
        Panel("Viewers of the board · 看板连接", {
            "clients": f"sum(livepool_sse_clients{JOB})",
            "dropped a minute": f"60 * sum(rate(livepool_sse_dropped_total{JOB}{RATE}))",
        }),
        Panel("Version and policy · 版本与策略", {
            "{{instance}} {{version}} {{python}}": f"livepool_build_info{JOB}",
            "{{instance}} policy {{version}}": f"livepool_policy_info{JOB}",
        }, kind="stat", width=16),
    ),
}  # fmt: skip


def panels() -> Iterator[dict[str, Any]]:
    """Rows from top to bottom, panels from left to right."""
    ids, top = count(1), 0
    for title, row in ROWS.items():
        yield {"id": next(ids), "type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1}}  # fmt: skip
        left, top = 0, top + 1
        for panel in row:
            if left + panel.width > WIDTH:
                left, top = 0, top + HEIGHT
            yield _panel(panel, next(ids), {"x": left, "y": top, "w": panel.width, "h": HEIGHT})
            left += panel.width
        top += HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
        "targets": [
            {"refId": chr(65 + place_), "datasource": source, "expr": expression, "legendFormat": legend}
            for place_, (legend, expression) in enumerate(panel.queries.items())
        ],
    }


def _variable(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "hide": 0, "refresh": 1, "multi": False, "includeAll": False, **more}


def dashboard() -> dict[str, Any]:
    """The whole dashboard."""
    return {
        "uid": "livepool",
        "title": "Livepool",
        "tags": ["livepool"],
        "schemaVersion": 36,
        "timezone": "browser",
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                _variable("datasource", type="datasource", query="prometheus"),
                _variable(
                    "job", type="query", datasource={"type": "prometheus", "uid": "${datasource}"},
                    query="label_values(livepool_build_info, job)",
                ),
            ]
        },
        "panels": list(panels()),
    }  # fmt: skip


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")

// A board of ours in Grafana's own types: the dashboard, and for each kind of panel its options and field settings.
import type * as common from "@grafana/schema";
import type * as barchart from "@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen";
import type * as bargauge from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as timeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as trend from "@grafana/schema/dist/esm/raw/composable/trend/panelcfg/x/TrendPanelCfg_types.gen";
import type * as published from "@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen";

// Prometheus' own part of a query, and of an event, is not among the published types of a dashboard.
interface Target extends common.DataQuery {
  expr: string;
  format?: "time_series" | "table" | "heatmap";
  instant?: boolean;
  range?: boolean;
  legendFormat?: string;
  interval?: string;
}

interface Event extends Omit<published.AnnotationQuery, "target"> {
  target: Target;
  titleFormat: string;
  textFormat: string;
}

interface Defaults<Custom> extends Omit<published.FieldConfig, "custom"> {
  custom?: Partial<Custom>;
}

interface Panel<Kind extends string, Options, Custom>
  extends Omit<published.Panel, "type" | "options" | "fieldConfig" | "targets"> {
  type: Kind;
  id: number;
  title: string;
  description: string;
  gridPos: published.GridPos;
  options: Options;
  fieldConfig: { defaults: Defaults<Custom>; overrides: published.FieldConfigSource["overrides"] };
  targets: Target[];
}

export interface Board extends Omit<published.Dashboard, "panels" | "annotations"> {
  uid: string;
  annotations: { list?: Event[] };
  panels: Array<
    | published.RowPanel
    | Panel<"barchart", barchart.Options, barchart.FieldConfig>
    | Panel<"bargauge", bargauge.Options, Record<string, never>>
    | Panel<"stat", stat.Options, Record<string, never>>
    | Panel<"state-timeline", timeline.Options, timeline.FieldConfig>
    | Panel<"table", table.Options, table.FieldConfig>
    | Panel<"timeseries", timeseries.Options, timeseries.FieldConfig>
    | Panel<"trend", trend.Options, trend.FieldConfig>
  >;
}

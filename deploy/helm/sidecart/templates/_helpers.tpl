{{- define "sidecart.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sidecart.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sidecart.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "sidecart.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The config as Sidecart gets it: the shop's, in the data folder that is the volume. */}}
{{- define "sidecart.config" -}}
{{ toYaml (mergeOverwrite (deepCopy .Values.config) (dict "data_dir" "/data")) }}
{{- end }}

{{- define "sidecart.port" -}}
{{ required "config.server.listen: must end in a port, as 0.0.0.0:8080" (regexFind "[0-9]+$" .Values.config.server.listen) }}
{{- end }}

{{- define "sidecart.scheme" -}}
{{- if ((.Values.config.server).tls).certificate }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- define "sidecart.kafka" -}}
{{- if eq (((.Values.config).events).log | default "embedded") "kafka" }}true{{ end }}
{{- end }}

{{/* What can't be right is refused before anything is changed in the cluster. */}}
{{- define "sidecart.checks" -}}
{{- $kafka := include "sidecart.kafka" . }}
{{- $many := or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}
{{- if and $many (not $kafka) }}
{{- fail "replicas: more than one needs `config.events.log: kafka`, as with the embedded log each replica would be a shop of its own: name the brokers in `config.kafka`, or set `replicas: 1` and `autoscaling.enabled: false`" }}
{{- end }}
{{- if and (not .Values.persistence.enabled) (not $kafka) }}
{{- fail "persistence.enabled: false would lose the log with the pod: leave it on, or use `config.events.log: kafka`" }}
{{- end }}
{{- if and (not (.Values.config.access).keys) (not (.Values.config.access).open) }}
{{- fail "config.access: needs `keys` (make one by `sidecart keys new`; docs/access.md), or `open: true` behind a gateway that asks for keys" }}
{{- end }}
{{- end }}

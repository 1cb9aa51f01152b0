{{/* A resource with the release's namespace and labels; of (resource, labels of its own, root). */}}
{{- define "drift-exporter.resource" -}}
{{- $resource := index . 0 }}
{{- $root := index . 2 }}
{{- $labels := dict "app.kubernetes.io/part-of" "drift-exporter" "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- $own := $resource.metadata.labels | default dict }}
{{- $_ := set $resource.metadata "labels" (merge dict $own (index . 1) $root.Values.labels $labels) }}
{{- $_ := set $resource.metadata "namespace" $root.Release.Namespace }}
---
{{ toYaml $resource }}
{{ end }}

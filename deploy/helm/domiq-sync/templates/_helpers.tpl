{{- define "domiq-sync.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What begins the name of all that belongs to a release: the release's own, where that says what it is. */}}
{{- define "domiq-sync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "domiq-sync.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "domiq-sync.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "domiq-sync.selector" -}}
app.kubernetes.io/name: {{ include "domiq-sync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "domiq-sync.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "domiq-sync.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What the schema of the values cannot say in a sentence that somebody would understand. */}}
{{- define "domiq-sync.check" -}}
{{- if or (contains "@" .Values.image.repository) (contains ":" (splitList "/" .Values.image.repository | last)) }}
{{- fail (printf "image.repository is %s: leave the tag or digest out of it, and set image.tag or image.digest." .Values.image.repository) }}
{{- end }}
{{- if not (has "DOMIQ_DATABASE_URL" .Values.secret.variables) }}
{{- fail "secret.variables lacks DOMIQ_DATABASE_URL: nothing works without DomIQ's database." }}
{{- end }}
{{- range list "DAGSTER_HOME" "DOMIQ_HOME" }}
{{- if hasKey $.Values.env . }}
{{- fail (printf "env has %s, which the chart sets: leave it out." .) }}
{{- end }}
{{- end }}
{{- range list "DOMIQ_DATABASE_URL" "DAGSTER_PG_URL" "DOMIQ_DAEMON_LOCK_URL" "RESMAN_PARTNER_ID" "RESMAN_API_KEY" }}
{{- if hasKey $.Values.env . }}
{{- fail (printf "env has %s, which is a secret: put it into the Secret that secret.name names." .) }}
{{- end }}
{{- end }}
{{- range .Values.secret.variables }}
{{- if hasKey $.Values.env . }}
{{- fail (printf "%s is in env and in secret.variables: leave it out of one of them." .) }}
{{- end }}
{{- end }}
{{- if and .Values.state.claim.create .Values.state.claim.existing }}
{{- fail "state.claim.create and state.claim.existing are both set: a claim is made, or one is there already." }}
{{- end }}
{{- end -}}

{{/* On every pod of a release, also on those that Dagster starts: the network policy goes by it. */}}
{{- define "domiq-sync.podLabel" -}}
domiq-sync/release: {{ .Release.Name }}
{{- end -}}

{{- define "domiq-sync.image" -}}
{{- $repository := required "image.repository is not set: name where the image of domiq-sync lies, such as registry.example.com/domiq-sync." .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "domiq-sync.secretName" -}}
{{- required "secret.name is not set: make a Secret with the keys DOMIQ_DATABASE_URL, DAGSTER_PG_URL, RESMAN_PARTNER_ID and RESMAN_API_KEY, and name it." .Values.secret.name -}}
{{- end -}}

{{- define "domiq-sync.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "domiq-sync.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "domiq-sync.runPriorityClass" -}}
{{- if .Values.runs.priorityClass.create -}}
{{- .Values.runs.priorityClass.name | default (printf "%s-run" (include "domiq-sync.fullname" .)) -}}
{{- else -}}
{{- .Values.runs.priorityClass.name -}}
{{- end -}}
{{- end -}}

{{/* Whether Dagster's database is the sync's to bring to a version. One of a Dagster that was there before is not. */}}
{{- define "domiq-sync.migratesDagster" -}}
{{- $isOurs := and (has "DAGSTER_PG_URL" .Values.secret.variables) (not .Values.dagster.passwordSecret.name) -}}
{{- if and .Values.migrate.dagster $isOurs -}}
yes
{{- end -}}
{{- end -}}

{{/* Whether what wants a kind of its own is rendered. (list $ setting "group/version"), where the setting is true,
     false, or auto: only where the cluster has the kind. */}}
{{- define "domiq-sync.isWanted" -}}
{{- $root := index . 0 -}}
{{- $setting := toString (index . 1) -}}
{{- if or (eq $setting "true") (and (eq $setting "auto") ($root.Capabilities.APIVersions.Has (index . 2))) -}}
yes
{{- end -}}
{{- end -}}

{{/* As the level "restricted" of Kubernetes's pod-security standards wants it, and with nothing to write on. */}}
{{- define "domiq-sync.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "domiq-sync.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Names and values of the variables of workers, code location and runs. */}}
{{- define "domiq-sync.variables" -}}
DOMIQ_HOME: /var/lib/domiq
{{- range .Values.secret.variables }}
{{ . }}_FILE: /run/secrets/domiq-sync/{{ . }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The same as a container has them. A run has its DAGSTER_HOME from the launcher. */}}
{{- define "domiq-sync.env" -}}
- {name: DAGSTER_HOME, value: /opt/domiq/dagster_home}
{{- range $name, $value := include "domiq-sync.variables" . | fromYaml }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{- define "domiq-sync.volumes" -}}
- name: secrets
  secret:
    secretName: {{ include "domiq-sync.secretName" . }}
    defaultMode: 0440
    items:
      {{- range .Values.secret.variables }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
- name: state
  {{- if .Values.state.claim.existing }}
  persistentVolumeClaim: {claimName: {{ .Values.state.claim.existing }}}
  {{- else if .Values.state.claim.create }}
  persistentVolumeClaim: {claimName: {{ include "domiq-sync.fullname" . }}-state}
  {{- else }}
  emptyDir: {sizeLimit: 1Gi}
  {{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "domiq-sync.volumeMounts" -}}
- {name: secrets, mountPath: /run/secrets/domiq-sync, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: state, mountPath: /var/lib/domiq}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The part of a pod's spec that is the same for workers and code location. (list $ values-of-the-part name) */}}
{{- define "domiq-sync.podSpec" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
serviceAccountName: {{ include "domiq-sync.serviceAccountName" $root }}
automountServiceAccountToken: false
enableServiceLinks: false # Dagster's programs take options from variables that begin as those would
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext: {{- include "domiq-sync.podSecurity" $root | nindent 2 }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "domiq-sync.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ index $ 2 }}
  {{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes: {{- include "domiq-sync.volumes" $root | nindent 2 }}
{{- end -}}

{{/* What Dagster's K8sRunLauncher makes of a run, whatever instance it belongs to. */}}
{{- define "domiq-sync.runContext" -}}
image_pull_policy: {{ .Values.image.pullPolicy }}
{{- with .Values.imagePullSecrets }}
image_pull_secrets: {{- toYaml . | nindent 2 }}
{{- end }}
service_account_name: {{ include "domiq-sync.serviceAccountName" . }}
env_vars:
  {{- range $name, $value := include "domiq-sync.variables" . | fromYaml }}
  - {{ printf "%s=%v" $name $value | quote }}
  {{- end }}
volumes: {{- include "domiq-sync.volumes" . | nindent 2 }}
volume_mounts: {{- include "domiq-sync.volumeMounts" . | nindent 2 }}
labels:
  {{- include "domiq-sync.podLabel" . | nindent 2 }}
  {{- with .Values.runs.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources: {{- toYaml .Values.runs.resources | nindent 2 }}
security_context: {{- include "domiq-sync.containerSecurity" . | nindent 2 }}
run_k8s_config:
  container_config:
    command: [/usr/bin/env] # Dagster gives arguments that begin with the program, whatever the entry of an image is
  pod_spec_config:
    automountServiceAccountToken: false
    enableServiceLinks: false
    terminationGracePeriodSeconds: 60
    securityContext: {{- include "domiq-sync.podSecurity" . | nindent 6 }}
    {{- with include "domiq-sync.runPriorityClass" . }}
    priorityClassName: {{ . }}
    {{- end }}
    {{- with .Values.runs.nodeSelector }}
    nodeSelector: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.runs.tolerations }}
    tolerations: {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- with .Values.runs.podAnnotations }}
  pod_template_spec_metadata:
    annotations: {{- toYaml . | nindent 6 }}
  {{- end }}
  job_spec_config:
    ttlSecondsAfterFinished: {{ .Values.runs.ttlSecondsAfterFinished | int64 }}
{{- end -}}

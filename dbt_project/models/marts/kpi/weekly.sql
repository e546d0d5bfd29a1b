{{ kpi_report('week', 'week') }}

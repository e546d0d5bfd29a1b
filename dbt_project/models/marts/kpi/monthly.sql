{{ kpi_report('month', 'month') }}

{{ kpi_report('quarter', 'quarter') }}
